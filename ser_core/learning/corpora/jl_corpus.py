"""JL-Corpus (James, Tian & Watson 2018, "An open source emotional speech corpus for human robot interaction
applications", Interspeech, 2768-2772): four speakers of New Zealand English. `female1_angry_10a_1` is the first woman,
anger, sentence 10a, session 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch
from ser_core.learning.corpora.named_files import read_names

_EMOTIONS: Mapping[str, str] = MappingProxyType({name: name for name in ("angry", "happy", "neutral", "sad")})
_OTHERS = ("anxious", "apologetic", "assertive", "concerned", "encouraging", "excited")
"""Attitudes and blends that `ser_core.emotions` has no name for: their recordings are left out."""
_TEXTS = (".txt", ".TextGrid", ".lab")
_NAME = re.compile(
    rf"(?P<sex>male|female)(?P<number>[12])_(?P<emotion>{'|'.join((*_EMOTIONS, *_OTHERS))})"
    r"_(?P<sentence>\d+[ab])_(?P<session>[12])"
)
_EXPECTED = "speaker (male1 male2 female1 female2), emotion, sentence and session, such as female1_angry_10a_1.wav"


class JlCorpusReader:
    """Read New Zealand English of two men and two women: anger, happiness, sadness and neutral speech.

    Excitement and the five secondary emotions are left out, as are the transcripts beside the recordings.
    """

    name = "jl-corpus"
    licence = "JL-Corpus is dedicated to the public domain (CC0 1.0): any use, commercial use too."
    commercial_use = True
    folds: tuple[tuple[str, ...], ...] | None = None

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, each of the whole recording."""
        return read_names(keys, _NAME, _EXPECTED, _stretch)


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch | None:
    if match["emotion"] in _OTHERS or key.endswith(_TEXTS):
        return None
    return LabelledStretch(
        key=key,
        corpus=JlCorpusReader.name,
        speaker=f"jl-{match['sex']}{match['number']}",
        emotion=_EMOTIONS[match["emotion"]],
        language="en-NZ",
        extra={"statement": match["sentence"], "session": match["session"], "sex": match["sex"]},
    )
