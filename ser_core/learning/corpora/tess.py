"""TESS, the Toronto Emotional Speech Set (Pichora-Fuller & Dupuis 2020, Borealis, doi:10.5683/SP2/E8H2MF): two
actresses, one young and one old, say "Say the word …" with 200 words. `OAF_back_angry` is the older one, with "back".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch
from ser_core.learning.corpora.named_files import read_names

_EMOTIONS: Mapping[str, str] = MappingProxyType(
    {
        "angry": "angry",
        "disgust": "disgust",
        "fear": "fearful",
        "happy": "happy",
        "neutral": "neutral",
        "ps": "surprised",  # "pleasant surprise"
        "sad": "sad",
    }
)
_AGES: Mapping[str, str] = MappingProxyType({"O": "64", "Y": "26"})
# One file is published as OA_bite_neutral.
_NAME = re.compile(rf"(?P<speaker>[OY])AF?_(?P<word>[A-Za-z'-]+)_(?P<emotion>{'|'.join(_EMOTIONS)})")
_EXPECTED = "OAF or YAF, word and emotion (angry disgust fear happy neutral ps sad), such as OAF_back_angry.wav"


class TessReader:
    """Acted Canadian English of two women, seven emotions."""

    name = "tess"
    licence = "TESS is licensed CC BY-NC-ND 4.0: attribution, no commercial use, no derivatives are passed on."
    commercial_use = False
    folds: tuple[tuple[str, ...], ...] | None = None

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, each of the whole recording."""
        return read_names(keys, _NAME, _EXPECTED, _stretch)


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch:
    return LabelledStretch(
        key=key,
        corpus=TessReader.name,
        speaker=f"tess-{match['speaker'].lower()}af",
        emotion=_EMOTIONS[match["emotion"]],
        language="en",
        extra={"word": match["word"], "age": _AGES[match["speaker"]], "sex": "female"},
    )
