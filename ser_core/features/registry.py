"""Feature sets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ser_core.audio.resample import RESAMPLER
from ser_core.config.settings import FeatureSettings, SegmentSettings
from ser_core.features.base import FeatureSet
from ser_core.features.paper import PaperFeatures
from ser_core.segments import SILENCE_DBFS

Builder = Callable[[FeatureSettings, Mapping[str, Any]], FeatureSet]

_BUILDERS: Mapping[str, Builder] = MappingProxyType({"paper-180": PaperFeatures})


@lru_cache(maxsize=8)
def feature_set(features: FeatureSettings, segments: SegmentSettings) -> FeatureSet:
    """The feature set that the settings describe.

    How recordings are resampled and cut is part of its fingerprint, as a vector of another stretch is another vector.
    """
    counts = {"mode", "window_s", "min_s"} if segments.mode == "window" else {"mode"}
    cut: dict[str, Any] = segments.model_dump(include=counts)
    shared = {"resampler": RESAMPLER, "segments": {**cut, "silence_dbfs": SILENCE_DBFS}}
    return _BUILDERS[features.set](features, shared)
