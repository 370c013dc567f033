"""nEMO, emotional speech in Polish (Christop 2024, arXiv:2404.06292): nine actors, six emotions. `EB0_anger_45` is
speaker EB0, anger, sentence 45.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch
from ser_core.learning.corpora.named_files import read_names

_EMOTIONS: Mapping[str, str] = MappingProxyType(
    {
        "anger": "angry",
        "fear": "fearful",
        "happiness": "happy",
        "neutral": "neutral",
        "sadness": "sad",
        "surprised": "surprised",
    }
)
_WOMEN = frozenset({"EB0", "IC0", "KD0", "MK0"})
_NAME = re.compile(rf"(?P<speaker>[A-Z]{{2}}\d)_(?P<emotion>{'|'.join(_EMOTIONS)})_(?P<sentence>\d+)")
_EXPECTED = "speaker, emotion (anger fear happiness neutral sadness surprised) and sentence, such as EB0_anger_45.wav"


class NemoReader:
    """Acted Polish speech of five men and four women."""

    name = "nemo"
    licence = "nEMO is licensed CC BY-NC-SA 4.0: attribution, no commercial use, derivatives under the same terms."
    commercial_use = False
    folds: tuple[tuple[str, ...], ...] | None = None

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, each of the whole recording."""
        return read_names(keys, _NAME, _EXPECTED, _stretch)


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch:
    return LabelledStretch(
        key=key,
        corpus=NemoReader.name,
        speaker=f"nemo-{match['speaker']}",
        emotion=_EMOTIONS[match["emotion"]],
        language="pl",
        extra={
            "statement": match["sentence"],
            "sex": "female" if match["speaker"] in _WOMEN else "male",
        },
    )
