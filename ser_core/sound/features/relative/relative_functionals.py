"""The feature set `functionals-v2`: descriptors of active frames a hundred times a second, and their functionals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import FeatureSettings
from ser_core.sound.features.base import FeatureSet, check_segments
from ser_core.sound.features.functionals.frames import delta
from ser_core.sound.features.functionals.movement import modulation_of
from ser_core.sound.features.relative.active_frames import inner, pauses
from ser_core.sound.features.relative.phonation import phonation
from ser_core.sound.features.relative.relative_courses import (
    against_mean,
    deviation,
    distribution,
    movement,
    rhythm,
    size,
)
from ser_core.sound.features.relative.relative_names import (
    BANDS,
    CEPSTRAL,
    FIRST_MODULATION,
    MODULATING,
    RELATIVE_NAMES,
    relative_families,
)
from ser_core.sound.features.relative.shape import SHAPES, shape
from ser_core.sound.features.relative.spectrum import cepstrum, mel_decibels, spectrum, spectrum_plan

Array = npt.NDArray[np.float32]

_PARAMETERS = {"set", "sample_rate_hz"}
"""Settings that change a number of this feature set."""

REVISION = 1
"""Raised with every change to the code that changes a number."""

_ROWS = (*SHAPES, "level", "hnr", "f0", *CEPSTRAL, *BANDS)
"""Descriptors of every active frame, in the order of their rows."""
_ROW = {name: i for i, name in enumerate(_ROWS)}
_TO_HNR = _ROW["hnr"] + 1
_BANDS = slice(_ROW[BANDS[0]], len(_ROWS))
_CEPSTRAL_AND_BANDS = slice(_ROW[CEPSTRAL[0]], len(_ROWS))
_SPECTRAL = [_ROW[name] for name in (*SHAPES, *CEPSTRAL)]
_MOVING = [*_SPECTRAL, _ROW["level"]]
_MODULATING = [_ROW[name] for name in MODULATING]
_LOUD = 0.1
"""Root mean square of a loud frame of the voice."""
_SPAN_FROM = np.float32(0.5)


class RelativeFunctionals(FeatureSet):
    """Functionals of spectrum, voice and pauses. The gain of a recording is in none of them, and neither are its pauses
    but in those that are called after them."""

    def __init__(self, settings: FeatureSettings, shared: Mapping[str, Any]) -> None:
        own = settings.model_dump(include=_PARAMETERS)
        super().__init__("functionals", settings.sample_rate_hz, {**own, "revision": REVISION, **shared})

    @property
    def feature_names(self) -> tuple[str, ...]:
        """See `relative_names`."""
        return RELATIVE_NAMES

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Features by family; see `relative_names.family_of_relative`."""
        return relative_families()

    def extract(self, segments: Sequence[Array]) -> Array:
        """See `FeatureSet.extract`."""
        check_segments(segments)
        vectors = np.empty((len(segments), self.dimension), np.float32)
        for i, y in enumerate(segments):
            vectors[i] = relative_vector(np.asarray(y, np.float32), self.sample_rate)
        return vectors


def relative_vector(y: Array, sr: int) -> Array:
    """The vector of `y`, shape (samples,), at `sr` hertz, in the order of `RELATIVE_NAMES`."""
    y = y - y.mean()
    plan = spectrum_plan(sr)
    of = spectrum(y, plan)
    voice = phonation(y * np.float32(_LOUD / of.loud), sr, of.active)
    bands, level = mel_decibels(of.power, plan), of.level_db[np.newaxis]
    own = (shape(of.power, sr), level, voice.hnr, voice.f0, cepstrum(bands), bands - bands.mean(axis=0))
    x = np.concatenate(own)
    changes = delta(x)
    steady = inner(of.active)
    voiced = of.active.copy()
    voiced[of.active] = voice.voiced
    spectral = x[_SPECTRAL]
    parts = (
        distribution(x[:_TO_HNR]),
        deviation(x[_CEPSTRAL_AND_BANDS]),
        movement(changes[_MOVING][:, steady]),
        size(changes[_BANDS][:, steady]),
        x[: len(SHAPES), voice.voiced].mean(axis=1),
        deviation(spectral[:, voice.voiced]),
        size(changes[_SPECTRAL][:, voice.voiced]),
        against_mean(np.concatenate([spectral, x[_BANDS]]), of.level_db),
        distribution(voice.x),
        movement(delta(voice.x)[:, inner(voiced)]),
        modulation_of(x[_MODULATING])[FIRST_MODULATION:],
        np.log(np.ptp(voice.x[:1], axis=1) + _SPAN_FROM),
        rhythm(voiced, of.active),
        pauses(of.active),
    )
    return np.concatenate([part.ravel() for part in parts])
