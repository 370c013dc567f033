"""Names `<descriptor>_<functional>` of the features, and the families they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ser_core.sound.features.base import by_family
from ser_core.sound.features.functionals.movement import MODULATION_EDGES_HZ
from ser_core.sound.features.functionals.statistics import SPREAD
from ser_core.sound.features.relative.active_frames import PAUSES
from ser_core.sound.features.relative.phonation import PHONATION
from ser_core.sound.features.relative.relative_courses import DISTRIBUTION, RHYTHM
from ser_core.sound.features.relative.shape import SHAPES
from ser_core.sound.features.relative.spectrum import N_BANDS, N_CEPSTRAL

BANDS = tuple(f"mel{i:02d}" for i in range(N_BANDS))
CEPSTRAL = tuple(f"mfcc{i:02d}" for i in range(1, N_CEPSTRAL))
MODULATING = ("centroid", "flux", "level", "f0")
FIRST_MODULATION = 5
"""The first band of modulation, 12 Hz: slower ones are of syllables, and segments of a second hold few of them."""

_SPECTRAL = (*SHAPES, *CEPSTRAL)
_PARTS: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    ((*SHAPES, "level", "hnr"), "all", DISTRIBUTION),
    ((*CEPSTRAL, *BANDS), "all", ("std",)),
    ((*_SPECTRAL, "level"), "delta", SPREAD),
    (BANDS, "delta", SPREAD[:2]),
    (SHAPES, "voiced", ("mean",)),
    (_SPECTRAL, "voiced", ("std",)),
    (_SPECTRAL, "voicedelta", SPREAD[:2]),
    ((*_SPECTRAL, *BANDS), "against", ("loud", "quiet")),
    (PHONATION, "voiced", DISTRIBUTION),
    (PHONATION, "voicedelta", SPREAD),
    (MODULATING, "modulation", tuple(f"{low:g}hz" for low in MODULATION_EDGES_HZ[FIRST_MODULATION:-1])),
)
"""Descriptors, frames and functionals, in the order of a vector's values; of each, functionals come first."""

RELATIVE_NAMES = (
    *(
        f"{descriptor}_{frames}_{functional}"
        for descriptors, frames, functionals in _PARTS
        for functional in functionals
        for descriptor in descriptors
    ),
    "f0_voiced_span",
    *(f"voicing_{name}" for name in RHYTHM),
    *(f"pause_{name}" for name in PAUSES),
)
"""The features in the order of a vector's values."""

_FAMILY_OF = {
    **dict.fromkeys(SHAPES, "shape"),
    **dict.fromkeys(CEPSTRAL, "cepstrum"),
    **dict.fromkeys(BANDS, "mel"),
    **dict.fromkeys(PHONATION, "voice_quality"),
    **dict.fromkeys(("formant1", "formant2", "formant3"), "formants"),
    **dict.fromkeys(("f0", "f0step"), "pitch"),
    "level": "level",
    "voicing": "rhythm",
    "pause": "pauses",
}
_MOVING = {*_SPECTRAL, *BANDS}
_BY_FRAMES = {"modulation": "modulation", "against": "contrast"}


def family_of_relative(name: str) -> str:
    """The family of a feature by its name.

    `shape` holds the spectrum's own values, which the line colours. `movement` (slopes over five
    frames), `contrast` (loud and quiet frames) and `modulation` are what it leaves as it is, and so are the deviations
    in `cepstrum` and `mel`, whose means are left out. `pitch`, `voice_quality`, `formants`, `level`, `rhythm` and
    `pauses` are what they say.

    Raises:
        ValueError: the name is not in this feature set.
    """
    descriptor, _, functional = name.partition("_")
    frames = functional.partition("_")[0]
    if frames in _BY_FRAMES:
        return _BY_FRAMES[frames]
    if descriptor not in _FAMILY_OF:
        raise ValueError(f"{name!r} is not a feature of functionals-v2")
    return "movement" if descriptor in _MOVING and "delta" in frames else _FAMILY_OF[descriptor]


def relative_families(names: Iterable[str] = RELATIVE_NAMES) -> Mapping[str, tuple[str, ...]]:
    """Features by family, see `family_of_relative`.

    Raises:
        ValueError: a name is not in this feature set.
    """
    return by_family(names, family_of_relative)
