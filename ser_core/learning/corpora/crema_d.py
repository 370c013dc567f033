"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao, Cooper, Keutmann, Gur, Nenkova & Verma 2014,
IEEE Trans. Affect. Comput. 5, 377-390): 91 actors, 12 sentences. `1001_DFA_ANG_XX` is actor 1001, "Don't forget a
jacket", anger, of no stated intensity.

The published file finishedResponses.csv, where it is beside the recordings, adds the labels of raters.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType

from ser_core.errors import CorpusError
from ser_core.learning.corpora.base import CorpusListing, LabelledStretch, Unplaced
from ser_core.learning.corpora.named_files import read_names

RATINGS = "finishedResponses.csv"
"""One row per answer of a rater: localid (the rater), queryType (1 voice, 2 face, 3 both), clipName, respEmo (letter)
and respLevel (0 to 100)."""

_EMOTIONS: Mapping[str, str] = MappingProxyType(
    {"ANG": "angry", "DIS": "disgust", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
)
_RATED: Mapping[str, str] = MappingProxyType({code[0]: emotion for code, emotion in _EMOTIONS.items()})
_INTENSITIES: Mapping[str, str] = MappingProxyType({"LO": "low", "MD": "medium", "HI": "high"})
_STATEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "IEO": "It's eleven o'clock",
        "TIE": "That is exactly what happened",
        "IOM": "I'm on my way to the meeting",
        "IWW": "I wonder what this is about",
        "TAI": "The airplane is almost full",
        "MTI": "Maybe tomorrow it will be cold",
        "IWL": "I would like a new alarm clock",
        "ITH": "I think I have a doctor's appointment",
        "DFA": "Don't forget a jacket",
        "ITS": "I think I've seen this before",
        "TSI": "The surface is slick",
        "WSI": "We'll stop in a couple of minutes",
    }
)
# One file is published as 1040_ITH_SAD_X, and rated as 1040_ITH_SAD_XX.
_NAME = re.compile(
    rf"(?P<actor>10\d\d)_(?P<statement>{'|'.join(_STATEMENTS)})_(?P<emotion>{'|'.join(_EMOTIONS)})"
    r"_(?P<intensity>LO|MD|HI|XX?)"
)
_EXPECTED = "actor, sentence, emotion (ANG DIS FEA HAP NEU SAD) and level (LO MD HI XX), such as 1001_DFA_ANG_XX.wav"
_VOICE_ONLY = "1"
_COLUMNS = frozenset({"localid", "queryType", "clipName", "respEmo", "respLevel"})

_Ratings = Mapping[str, Mapping[str, tuple[str, str]]]
"""Letter and level by rater, by clip."""


class CremaDReader:
    """Acted English of 48 men and 43 women, six emotions.

    A recording's first label is the emotion that the actor intended. Each rater of the voice alone adds a label, of the
    annotator `rater-<localid>`. Where a clip exists as WAV and as MP3, the MP3 is left out.

    Args:
        ratings: finishedResponses.csv as published; empty without ratings.

    Raises:
        CorpusError: `ratings` is not that file.
    """

    name = "crema-d"
    licence = (
        "CREMA-D is licensed under the Open Database License 1.0 and its contents under the Database Contents License "
        "1.0: attribution, and adapted databases that are passed on stay open; commercial use is allowed."
    )
    commercial_use = True
    folds: tuple[tuple[str, ...], ...] | None = None

    def __init__(self, ratings: bytes = b"") -> None:
        self._ratings: _Ratings = _parse(ratings) if ratings else {}

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels in the file names `keys`, and those of the raters; each is of the whole recording."""
        chosen, doubled = _without_duplicates(keys)
        named = read_names(chosen, _NAME, _EXPECTED, _stretch)
        stretches: list[LabelledStretch] = []
        unknown: list[Unplaced] = []
        for intended in named.stretches:
            stretches.append(intended)
            for rater, (letter, level) in self._ratings.get(_clip(intended.key), {}).items():
                if letter in _RATED:
                    stretches.append(_rating(intended, rater, _RATED[letter], level))
                else:
                    unknown.append(
                        Unplaced(intended.key, f"{RATINGS}: rater {rater} answered {letter!r}; expected A D F H N S")
                    )
        return CorpusListing(tuple(stretches), (*named.unplaced, *unknown), (*named.left_out, *doubled))


def _stretch(key: str, match: re.Match[str]) -> LabelledStretch:
    return LabelledStretch(
        key=key,
        corpus=CremaDReader.name,
        speaker=f"crema-d-{match['actor']}",
        emotion=_EMOTIONS[match["emotion"]],
        intensity=_INTENSITIES.get(match["intensity"]),
        language="en",
        extra={"statement": _STATEMENTS[match["statement"]]},
    )


def _rating(intended: LabelledStretch, rater: str, emotion: str, level: str) -> LabelledStretch:
    extra = {**intended.extra, **({"level": level} if level else {})}
    return replace(intended, annotator=f"rater-{rater}", emotion=emotion, intensity=None, extra=extra)


def _clip(key: str) -> str:
    """The clip of a key, as named in the ratings."""
    stem = PurePosixPath(key).stem
    return f"{stem}X" if stem.endswith("_X") else stem


def _without_duplicates(keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """The keys without the MP3 of a clip that exists in another format, and those MP3."""
    unique = sorted(set(keys))
    others = {_clip(key) for key in unique if not key.lower().endswith(".mp3")}
    doubled = [key for key in unique if key.lower().endswith(".mp3") and _clip(key) in others]
    return sorted(set(unique) - set(doubled)), doubled


def _parse(data: bytes) -> _Ratings:
    """The answers to the voice alone; of a rater's two answers to a clip, the last."""
    ratings: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for row in _rows(data):
        if row["queryType"] == _VOICE_ONLY:
            ratings[row["clipName"]][row["localid"]] = (row["respEmo"], row["respLevel"])
    return ratings


def _rows(data: bytes) -> Iterator[Mapping[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval="")
        missing = _COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise CorpusError(f"{RATINGS} lacks the columns {', '.join(sorted(missing))}: use the published file")
        yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{RATINGS} cannot be read: {error}; expected the published CSV file in UTF-8") from error
