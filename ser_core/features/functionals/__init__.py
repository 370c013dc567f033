"""Feature set `functionals-v1`: statistics of voice, spectrum and movement over a segment's frames."""

from ser_core.features.functionals.feature_set import FunctionalsFeatures
from ser_core.features.functionals.names import families

__all__ = ["FunctionalsFeatures", "families"]
