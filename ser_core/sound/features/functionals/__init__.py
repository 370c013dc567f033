"""Feature set `functionals-v1`: statistics of voice, spectrum and movement over a segment's frames."""

from ser_core.sound.features.functionals.feature_names import families
from ser_core.sound.features.functionals.feature_set import FunctionalsFeatures

__all__ = ["FunctionalsFeatures", "families"]
