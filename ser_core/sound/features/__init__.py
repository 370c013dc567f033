"""Descriptors per frame, functionals over frames, feature sets by name."""

from ser_core.sound.features.base import FeatureSet
from ser_core.sound.features.registry import feature_set

__all__ = ["FeatureSet", "feature_set"]
