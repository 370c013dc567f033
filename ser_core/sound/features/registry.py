"""Feature sets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ser_core.config.settings import FeatureSettings, SegmentSettings
from ser_core.sound.audio.resample import RESAMPLER
from ser_core.sound.features.base import FeatureSet
from ser_core.sound.features.functionals import FunctionalsFeatures
from ser_core.sound.features.paper import PaperFeatures
from ser_core.sound.features.relative import RelativeFunctionals
from ser_core.sound.segments import SILENCE_DBFS
from ser_core.sound.speech.activity import SPEECH_REVISION

Builder = Callable[[FeatureSettings, Mapping[str, Any]], FeatureSet]

_BUILDERS: Mapping[str, Builder] = MappingProxyType(
    {"paper-180": PaperFeatures, "functionals-v1": FunctionalsFeatures, "functionals-v2": RelativeFunctionals}
)

_DETECTION = {"max_s", "pause_s", "margin_s", "above_noise_db", "below_peak_db"}
_CUT: Mapping[str, set[str]] = MappingProxyType(
    {"speech": {"mode", "min_s"}, "window": {"mode", "min_s", "window_s"}, "whole": {"mode"}}
)


@lru_cache(maxsize=8)
def feature_set(features: FeatureSettings, segments: SegmentSettings) -> FeatureSet:
    """The feature set that the settings describe.

    Its fingerprint covers how recordings are resampled and cut into segments, and in every mode how speech is detected,
    as the stretches of speech are stored beside the vectors.
    """
    cut: dict[str, Any] = segments.model_dump(include=_CUT[segments.mode] | _DETECTION)
    cut |= {"silence_dbfs": SILENCE_DBFS, "speech_revision": SPEECH_REVISION}
    shared = {"resampler": RESAMPLER, "segments": cut}
    return _BUILDERS[features.set](features, shared)
