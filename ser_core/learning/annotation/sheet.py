"""The CSV that annotators fill: a manifest (`ser_core.learning.corpora.manifest`) without emotions yet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from ser_core.errors import CorpusError
from ser_core.learning.annotation.agreement import majority
from ser_core.learning.corpora.base import LabelledStretch
from ser_core.learning.corpora.manifest import ManifestReader

COLUMNS = ("clip", "emotion", "annotator", "uri", "channel", "start_s", "end_s", "speaker")
"""Columns of the sheet; those that the annotator needs come first."""
PREDICTION_COLUMNS = ("chosen", "predicted", "confidence")
"""Further columns, to show annotators the model's predictions."""

_CONSENSUS = ("uri", "channel", "start_s", "end_s", "speaker", "emotion", "annotator", "language")

Place = tuple[str, int | None, float, float | None]
"""A stretch of a recording: uri, channel, start and end in seconds."""


@dataclass(frozen=True)
class Filled:
    """The content of a sheet: labels, whose keys are uris, and the number of rows without an emotion."""

    labels: tuple[LabelledStretch, ...]
    blank: int


def write_sheet(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """`rows` as CSV in UTF-8; a column that a row lacks is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read_sheet(data: bytes, file: str, corpus: str, root: str, language: str) -> Filled:
    """The labels of one filled sheet. The annotator of rows without a name is taken from the file's name.

    Args:
        data: the CSV.
        file: its name, such as `anna.csv`.
        corpus: name of the labels, the column `corpus`.
        root: of relative uris.
        language: BCP 47 tag of rows that have none.

    Raises:
        CorpusError: the sheet has faults; each is listed with its line.
    """
    lines, filled, blank = _labelled_lines(data)
    if not filled and blank:
        return Filled((), blank)
    reader = ManifestReader(lines, file, root, language)
    keys = [unplaced.key for unplaced in reader.read(()).unplaced]  # without recordings, every key is unplaced
    default = PurePosixPath(file).stem
    labels = (
        replace(label, key=_uri(label.key, root), corpus=corpus, annotator=_annotator(label, default))
        for label in reader.read(keys).stretches
    )
    return Filled(tuple(labels), blank)


def joined(sheets: Iterable[tuple[str, Filled]]) -> list[LabelledStretch]:
    """The labels of several sheets, each given with its file name.

    Raises:
        CorpusError: two of them have the same stretch by the same annotator.
    """
    first: dict[tuple[Place, str], str] = {}
    labels: list[LabelledStretch] = []
    faults: list[str] = []
    for file, filled in sheets:
        for label in filled.labels:
            earlier = first.setdefault((place_of(label), label.annotator), file)
            if earlier != file:
                stretch = f"{label.key} from {label.start_s:g} s"
                faults.append(f"{label.annotator} labels {stretch} in {earlier} and in {file}")
            labels.append(label)
    if faults:
        shown = "\n".join(f"  - {fault}" for fault in faults[:20])
        raise CorpusError(f"{len(faults)} stretches are labelled twice by one annotator; keep one of each:\n{shown}")
    return labels


def place_of(label: LabelledStretch) -> Place:
    """The stretch of a label."""
    return label.key, label.channel, label.start_s, label.end_s


def consensus(labels: Iterable[LabelledStretch]) -> Iterator[Mapping[str, Any]]:
    """A manifest row for each stretch, with the emotion of most annotators. A stretch with a tie has no row."""
    by_place: dict[Place, list[LabelledStretch]] = {}
    for label in labels:
        by_place.setdefault(place_of(label), []).append(label)
    for (uri, channel, start_s, end_s), same in by_place.items():
        emotion = majority([label.emotion for label in same])
        if emotion is not None:
            span = {"uri": uri, "channel": channel, "start_s": start_s, "end_s": end_s}
            speaker = {"speaker": same[0].speaker, "language": same[0].language}
            yield {**span, **speaker, "emotion": emotion, "annotator": f"majority of {len(same)}"}


def write_consensus(labels: Iterable[LabelledStretch]) -> tuple[bytes, int]:
    """The rows of `consensus` as CSV, and their number."""
    rows = list(consensus(labels))
    return write_sheet(rows, _CONSENSUS), len(rows)


def _labelled_lines(data: bytes) -> tuple[bytes, int, int]:
    """The sheet with unlabelled rows as empty lines, the number of labelled rows, and that of unlabelled rows.

    The manifest's reader ignores empty lines and still counts them in line numbers. Data that is not such a CSV is
    returned unchanged, and that reader reports its faults.
    """
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        line, column = reader.line_num, header.index("emotion")
        rows = [(row, reader.line_num) for row in reader]
    except (UnicodeDecodeError, csv.Error, ValueError):
        return data, 0, 0
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    filled = blank = 0
    for row, last in rows:
        if len(row) == len(header) and not row[column].strip():
            text.write("\n" * (last - line))
            blank += any(cell.strip() for cell in row)
        else:
            writer.writerow(row)
            filled += bool(row)
        line = last
    return text.getvalue().encode(), filled, blank


def _uri(key: str, root: str) -> str:
    return key if key.startswith("/") or "://" in key else f"{root.rstrip('/')}/{key}"


def _annotator(label: LabelledStretch, default: str) -> str:
    return default if label.annotator == LabelledStretch.annotator else label.annotator
