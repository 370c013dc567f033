"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt, Paeschke, Rolfes, Sendlmeier & Weiss 2005, Interspeech,
1517-1520): ten actors speak ten German sentences. `03a01Fa` is speaker 03, text a01, Freude, version a.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch
from ser_core.learning.corpora.named_files import read_names

_EMOTIONS: Mapping[str, str] = MappingProxyType(
    {
        "W": "angry",  # Wut
        "L": "bored",  # Langeweile
        "E": "disgust",  # Ekel
        "A": "fearful",  # Angst
        "F": "happy",  # Freude
        "T": "sad",  # Trauer
        "N": "neutral",
    }
)
_MEN = frozenset({"03", "10", "11", "12", "15"})
_NAME = re.compile(
    r"(?P<speaker>03|08|09|1[0-6])(?P<text>a0[12457]|b0[1239]|b10)(?P<emotion>[WLEAFTN])(?P<version>[a-z]?)"
)
_EXPECTED = "speaker, text, letter of the emotion (W L E A F T N) and version, such as 03a01Fa.wav"


class EmodbReader:
    """Acted German speech of five men and five women, seven emotions, among them boredom."""

    name = "emodb"
    licence = (
        "EmoDB is published without a licence text: whether commercial use is allowed is unknown; ask its authors "
        "before any use but research."
    )
    commercial_use = False
    folds: tuple[tuple[str, ...], ...] | None = None

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, each of the whole recording."""
        return read_names(keys, _NAME, _EXPECTED, _stretch)


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch:
    return LabelledStretch(
        key=key,
        corpus=EmodbReader.name,
        speaker=f"emodb-{match['speaker']}",
        emotion=_EMOTIONS[match["emotion"]],
        language="de",
        extra={
            "statement": match["text"],
            "sex": "male" if match["speaker"] in _MEN else "female",
            **({"version": match["version"]} if match["version"] else {}),
        },
    )
