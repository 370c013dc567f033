"""A labelled corpus in a CSV file, one row per labelled stretch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ser_core.emotions import EMOTIONS
from ser_core.errors import CorpusError
from ser_core.learning.corpora.base import CorpusListing, LabelledStretch, Unplaced

REQUIRED = ("uri", "speaker", "emotion")
OPTIONAL = ("channel", "start_s", "end_s", "annotator", "intensity", "language")
_MAX_FAULTS_SHOWN = 50

_Faults = list[str]
_Row = Mapping[str, str]


class ManifestReader:
    """Labels from a CSV file with the columns uri, speaker and emotion, and optionally channel, start_s, end_s,
    annotator, intensity and language. Further columns are kept in `extra`.

    `uri` is relative to `root`, or begins with it; any other uri is used as the recording's key.

    Raises:
        CorpusError: the file is not such a CSV; each fault is listed with its line number.
    """

    folds: tuple[tuple[str, ...], ...] | None = None

    def __init__(self, data: bytes, name: str, root: str, language: str) -> None:
        self.name = name
        self.commercial_use = False
        self.licence = "The licence of this corpus is unknown: check it before the model is used or passed on."
        self._stretches = _parse(data, _Defaults(name, root.rstrip("/") + "/", language))

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The stretches of recordings in `keys`; keys without a row and rows without a key are `unplaced`."""
        present = set(keys)
        labelled = {stretch.key for stretch in self._stretches}
        return CorpusListing(
            tuple(stretch for stretch in self._stretches if stretch.key in present),
            (
                *(Unplaced(key, "the manifest has no row for this recording") for key in sorted(present - labelled)),
                *(
                    Unplaced(key, "the manifest has a row for it, but it does not exist")
                    for key in sorted(labelled - present)
                ),
            ),
        )


@dataclass(frozen=True)
class _Defaults:
    corpus: str
    root: str
    language: str


def _parse(data: bytes, defaults: _Defaults) -> tuple[LabelledStretch, ...]:
    faults: _Faults = []
    stretches: list[LabelledStretch] = []
    first_line: dict[tuple[object, ...], int] = {}
    for line, row in _rows(data, faults):
        stretch = _stretch(line, row, defaults, faults)
        if stretch is None:
            continue
        key = (stretch.key, stretch.channel, stretch.start_s, stretch.end_s, stretch.annotator)
        if key in first_line:
            faults.append(f"line {line}: the same stretch and annotator as line {first_line[key]}; keep one of them")
            continue
        first_line[key] = line
        stretches.append(stretch)
    if not stretches and not faults:
        faults.append("there is no row below the header; expected one per labelled stretch")
    if faults:
        rest = len(faults) - _MAX_FAULTS_SHOWN
        shown = [*faults[:_MAX_FAULTS_SHOWN], *([f"and {rest} more"] if rest > 0 else [])]
        head = f"The manifest of the corpus {defaults.corpus} cannot be used:\n"
        raise CorpusError(head + "\n".join(f"  - {fault}" for fault in shown))
    return tuple(stretches)


def _rows(data: bytes, faults: _Faults) -> Iterator[tuple[int, _Row]]:
    """Line numbers and stripped cells; adds a fault for what is not CSV."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(f"byte {error.start} is not UTF-8; save the file as UTF-8")
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        faults.extend(f"the column {name} is missing" for name in REQUIRED if name not in names)
        faults.extend(f"the column {name} occurs twice" for name in sorted(set(names)) if names.count(name) > 1)
        if faults:
            return
        for row in reader:
            if None in row or None in row.values():
                faults.append(
                    f"line {reader.line_num}: the row has another number of cells than the header ({len(names)})"
                )
                continue
            yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        faults.append(f"line {reader.line_num}: not CSV ({error})")


def _stretch(line: int, row: _Row, defaults: _Defaults, faults: _Faults) -> LabelledStretch | None:
    row_faults = [f"{name} is empty" for name in REQUIRED if not row[name]]
    emotion = row["emotion"].lower()
    if emotion and emotion not in EMOTIONS:
        row_faults.append(f"emotion {row['emotion']!r} is not known; expected one of {', '.join(EMOTIONS)}")
    channel = _channel(row.get("channel", ""), row_faults)
    start_s = _seconds("start_s", row.get("start_s", ""), row_faults)
    end_s = _seconds("end_s", row.get("end_s", ""), row_faults)
    if end_s is not None and end_s <= (start_s or 0.0):
        row_faults.append(f"end_s {end_s:g} is not after start_s {start_s or 0.0:g}")
    if row_faults:
        faults.extend(f"line {line}: {fault}" for fault in row_faults)
        return None
    return LabelledStretch(
        key=row["uri"].removeprefix(defaults.root).removeprefix("./"),
        corpus=defaults.corpus,
        speaker=row["speaker"],
        emotion=emotion,
        channel=channel,
        start_s=start_s or 0.0,
        end_s=end_s,
        annotator=row.get("annotator") or "corpus",
        intensity=row.get("intensity") or None,
        language=row.get("language") or defaults.language,
        extra={name: value for name, value in row.items() if name not in {*REQUIRED, *OPTIONAL} and value},
    )


def _channel(text: str, row_faults: list[str]) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit() and int(text) < 1000:
        return int(text)
    row_faults.append(f"channel {text!r} is not a channel number; expected 0, 1, ... or nothing for all channels")
    return None


def _seconds(name: str, text: str, row_faults: list[str]) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value >= 0:
        return value
    row_faults.append(f"{name} {text!r} is not a time; expected seconds, 0 or more")
    return None
