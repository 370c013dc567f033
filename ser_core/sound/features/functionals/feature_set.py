"""The feature set: descriptors a hundred times a second, and their functionals over a segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import FeatureSettings
from ser_core.sound.features.base import FeatureSet, check_segments
from ser_core.sound.features.functionals.feature_names import EVERYWHERE, FEATURE_NAMES, families
from ser_core.sound.features.functionals.frames import MIN_FRAMES, delta, speech_bounds
from ser_core.sound.features.functionals.movement import COURSES, SPREADS, log_covariance, modulation
from ser_core.sound.features.functionals.pitch import Mask
from ser_core.sound.features.functionals.spectral import LOG_MEL, SPECTRAL, spectral_descriptors
from ser_core.sound.features.functionals.statistics import mean_and_std, moments, spread
from ser_core.sound.features.functionals.voice_quality import VOICE, voice_descriptors
from ser_core.sound.speech.bands import hop_length

Array = npt.NDArray[np.float32]

_PARAMETERS = {"set", "sample_rate_hz"}
"""Settings that change a number of this feature set. The switches of `paper-180` leave its fingerprint unchanged."""

REVISION = 1
"""Raised with every change to the code that changes a number."""

_NAMES = (*SPECTRAL, *VOICE)
_ROW = {name: i for i, name in enumerate(_NAMES)}
_COURSES = [_ROW[name] for name in COURSES]
_COVARYING = [_ROW[name] for name in SPREADS]


class Descriptors(NamedTuple):
    """The descriptors of one segment, a hundred frames a second."""

    x: Array  # (descriptors, frames), rows in the order of `SPECTRAL`, then `VOICE`
    voiced: Mask  # (frames,)


class FunctionalsFeatures(FeatureSet):
    """2,632 functionals of spectrum and voice. They include the level, but not the length of the segment."""

    def __init__(self, settings: FeatureSettings, shared: Mapping[str, Any]) -> None:
        own = settings.model_dump(include=_PARAMETERS)
        super().__init__("functionals", settings.sample_rate_hz, {**own, "revision": REVISION, **shared})

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Functionals of all frames, of slopes, of voiced and of unvoiced frames, then modulation and covariance."""
        return FEATURE_NAMES

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Features by family (pitch, energy, voice quality and so on); see `feature_names.family_of`."""
        return families()

    def extract(self, segments: Sequence[Array]) -> Array:
        """See `FeatureSet.extract`."""
        check_segments(segments)
        vectors = np.empty((len(segments), len(FEATURE_NAMES)), np.float32)
        for i, y in enumerate(segments):
            vectors[i] = functionals(descriptors(np.asarray(y, np.float32), self.sample_rate))
        return vectors


def descriptors(y: Array, sr: int) -> Descriptors:
    """The descriptors of `y`, shape (samples,), at `sr` hertz, from the start to the end of its speech."""
    start, stop = speech_bounds(y, sr)
    y = y[start:stop] - y[start:stop].mean()
    n_frames = max(MIN_FRAMES, len(y) // hop_length(sr))
    voice, voiced = voice_descriptors(y, sr, n_frames)
    return Descriptors(np.concatenate([spectral_descriptors(y, sr, n_frames), voice]), voiced)


def functionals(of: Descriptors) -> Array:
    """The vector of a segment, shape (2632,), in the order of `FEATURE_NAMES`."""
    x, voiced = of
    spectral, everywhere = slice(len(SPECTRAL)), x[: len(EVERYWHERE)]
    voiced_frames = x[:, voiced]
    unvoiced_frames = x[spectral, ~voiced]
    if unvoiced_frames.shape[1] < 3:
        unvoiced_frames = x[spectral]
    parts = (
        moments(everywhere),
        spread(delta(everywhere)),
        moments(voiced_frames[len(SPECTRAL) :]),
        mean_and_std(voiced_frames[spectral]),
        unvoiced_frames.mean(axis=1),
        modulation(x[: len(LOG_MEL)], x[_COURSES]),
        log_covariance(x[_COVARYING]),
    )
    return np.concatenate([part.ravel() for part in parts])
