"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo 2018, PLoS ONE 13(5),
e0196391). The file name of a recording has all its labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch
from ser_core.learning.corpora.named_files import read_names

_AUDIO_ONLY = "03"
_VOCAL_CHANNELS: Mapping[str, str] = MappingProxyType({"01": "speech", "02": "song"})
_INTENSITIES: Mapping[str, str] = MappingProxyType({"01": "normal", "02": "strong"})
_STATEMENTS: Mapping[str, str] = MappingProxyType(
    {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
)
_EMOTIONS: Mapping[str, str] = MappingProxyType(
    {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
    }
)
_NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<vocal>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])"
    r"-(?P<repetition>0[12])-(?P<actor>0[1-9]|1\d|2[0-4])"
)
_EXPECTED = (
    "modality-channel-emotion-intensity-statement-repetition-actor, two digits each, such as 03-01-05-01-02-01-12.wav"
)


def _actor(number: int) -> str:
    return f"actor-{number:02d}"


FOLDS: tuple[tuple[str, ...], ...] = tuple(
    tuple(_actor(number) for number in actors)
    for actors in (
        (2, 5, 14, 15, 16),
        (3, 6, 7, 13, 18),
        (10, 11, 12, 19, 20),
        (8, 17, 21, 23, 24),
        (1, 4, 9, 22),
    )
)
"""Test speakers of the five speaker-independent folds of Luna-Jiménez et al. 2021 (Sensors 21, 7665)."""


class RavdessReader:
    """Speech and song of the 24 actors; files of any extension, in any sub-folder. Video is left out."""

    name = "ravdess"
    licence = "RAVDESS is licensed CC BY-NC-SA 4.0: attribution, no commercial use, derivatives under the same terms."
    commercial_use = False
    folds: tuple[tuple[str, ...], ...] | None = FOLDS

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, each of the whole recording."""
        return read_names(keys, _NAME, _EXPECTED, _stretch)


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch | None:
    if match["modality"] != _AUDIO_ONLY:
        return None
    actor = int(match["actor"])
    return LabelledStretch(
        key=key,
        corpus=RavdessReader.name,
        speaker=_actor(actor),
        emotion=_EMOTIONS[match["emotion"]],
        intensity=_INTENSITIES[match["intensity"]],
        language="en",
        extra={
            "statement": _STATEMENTS[match["statement"]],
            "repetition": str(int(match["repetition"])),
            "vocal_channel": _VOCAL_CHANNELS[match["vocal"]],
            "sex": "male" if actor % 2 else "female",
        },
    )
