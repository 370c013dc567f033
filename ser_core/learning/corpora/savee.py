"""SAVEE, Surrey Audio-Visual Expressed Emotion (Haq & Jackson 2010, in Machine Audition, IGI Global, 398-423): four men
speak British English. `DC/sa03` or `DC_sa03` is speaker DC, sadness, sentence 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch
from ser_core.learning.corpora.named_files import read_names

_EMOTIONS: Mapping[str, str] = MappingProxyType(
    {
        "a": "angry",
        "d": "disgust",
        "f": "fearful",
        "h": "happy",
        "n": "neutral",
        "sa": "sad",
        "su": "surprised",
    }
)
_NAME = re.compile(rf"(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>{'|'.join(_EMOTIONS)})(?P<sentence>[0-3]\d)")
_EXPECTED = (
    "speaker (DC JE JK KL, a folder or before '_'), letters of the emotion (a d f h n sa su) and sentence, such as "
    "DC/sa03.wav or DC_sa03.wav"
)


class SaveeReader:
    """Acted British English of four men, seven emotions."""

    name = "savee"
    licence = "SAVEE is free of charge for research, after registration with its authors: no commercial use."
    commercial_use = False
    folds: tuple[tuple[str, ...], ...] | None = None

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, each of the whole recording."""
        return read_names(keys, _NAME, _EXPECTED, _stretch)


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch:
    return LabelledStretch(
        key=key,
        corpus=SaveeReader.name,
        speaker=f"savee-{match['speaker'].lower()}",
        emotion=_EMOTIONS[match["emotion"]],
        language="en",
        extra={"statement": f"{match['emotion']}{match['sentence']}", "sex": "male"},
    )
