"""Names `<descriptor>_<functional>` of the features, and the families they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ser_core.sound.features.base import by_family
from ser_core.sound.features.functionals.movement import COVARYING, MODULATED, MODULATION_EDGES_HZ, PAIRS
from ser_core.sound.features.functionals.spectral import LOG_MEL, MFCC, SPECTRAL
from ser_core.sound.features.functionals.statistics import MOMENTS, SPREAD
from ser_core.sound.features.functionals.voice_quality import PERIODICITY, QUALITY, VOICE

EVERYWHERE = (*SPECTRAL, *PERIODICITY)
"""Descriptors that are defined in every frame. Voice quality is defined in voiced frames only."""

_ENERGY = ("rms", "loudness", "teager")


def _product(descriptors: Iterable[str], part: str, functionals: Iterable[str]) -> tuple[str, ...]:
    descriptors = tuple(descriptors)
    return tuple(f"{descriptor}_{part}_{functional}" for functional in functionals for descriptor in descriptors)


FEATURE_NAMES = (
    *_product(EVERYWHERE, "all", MOMENTS),
    *_product(EVERYWHERE, "delta", SPREAD),
    *_product(VOICE, "voiced", MOMENTS),
    *_product(SPECTRAL, "voiced", ("mean", "std")),
    *_product(SPECTRAL, "unvoiced", ("mean",)),
    *_product(MODULATED, "modulation", (f"{low:g}hz" for low in MODULATION_EDGES_HZ[:-1])),
    *(f"{COVARYING[i]}_logcov_{COVARYING[j]}" for i, j in zip(*PAIRS, strict=True)),
)
"""The features in the order of a vector's values."""


def family_of(name: str) -> str:
    """The family of a feature by its name, one of the keys of `families`.

    Raises:
        ValueError: the name is not in this feature set.
    """
    descriptor, _, functional = name.partition("_")
    if functional.startswith(("modulation_", "logcov_")):
        return "modulation" if functional.startswith("modulation_") else "covariance"
    try:
        return _FAMILY_OF[descriptor]
    except KeyError:
        known = ", ".join(sorted(_FAMILY_OF))
        raise ValueError(f"{name!r} is not a feature of functionals-v1: {descriptor!r} is none of {known}") from None


def families(names: Iterable[str] = FEATURE_NAMES) -> Mapping[str, tuple[str, ...]]:
    """Features by family: pitch, energy, voice_quality, formants, cepstrum, mel, spectral_shape, modulation,
    covariance. Each name is in one of them.

    Raises:
        ValueError: a name is not in this feature set.
    """
    return by_family(names, family_of)


_FAMILY_OF = {
    **dict.fromkeys(SPECTRAL, "spectral_shape"),
    **dict.fromkeys(LOG_MEL, "mel"),
    **dict.fromkeys(MFCC, "cepstrum"),
    **dict.fromkeys(_ENERGY, "energy"),
    **dict.fromkeys((*PERIODICITY, *QUALITY), "voice_quality"),
    **{name: "formants" for name in QUALITY if name.startswith("formant")},
    "f0": "pitch",
}
