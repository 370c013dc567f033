"""Feature set `functionals-v2`: voice, spectrum and pauses of a segment, whatever the gain of the recording."""

from ser_core.sound.features.relative.relative_functionals import RelativeFunctionals

__all__ = ["RelativeFunctionals"]
