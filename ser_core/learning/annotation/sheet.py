"""The CSV that annotators fill: a manifest (`ser_core.learning.corpora.manifest`) whose emotions are still empty."""

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
"""Columns of the sheet; what the annotator needs stands first."""
SHOWN = ("chosen", "predicted", "confidence")
"""Further columns where annotators are to see what the model heard."""

_CONSENSUS = ("uri", "channel", "start_s", "end_s", "speaker", "emotion", "annotator", "language")

Place = tuple[str, int | None, float, float | None]
"""A stretch whatever was heard in it: uri, channel, start and end in seconds."""


@dataclass(frozen=True)
class Filled:
    """What a sheet says: labels, whose keys are uris, and how many of its rows have no emotion yet."""

    labels: tuple[LabelledStretch, ...]
    blank: int


def write_sheet(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """`rows` as CSV in UTF-8; a column that a row lacks stays empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read_sheet(data: bytes, file: str, corpus: str, root: str, language: str) -> Filled:
    """The labels of one filled sheet. Rows that name no annotator are by the one that the file is named after.

    Args:
        data: the CSV.
        file: its name, such as `anna.csv`.
        corpus: name of the labels, the column `corpus`.
        root: that uris are relative to where they are not whole.
        language: BCP 47 tag of rows that have none.

    Raises:
        CorpusError: the sheet has faults; every one is listed, with its line.
    """
    lines, filled, blank = _labelled_lines(data)
    if not filled and blank:
        return Filled((), blank)
    reader = ManifestReader(lines, file, root, language)
    keys = [one.key for one in reader.read(()).unplaced]  # of no recordings, every key is unplaced
    otherwise = PurePosixPath(file).stem
    labels = (
        replace(one, key=_uri(one.key, root), corpus=corpus, annotator=_annotator(one, otherwise))
        for one in reader.read(keys).stretches
    )
    return Filled(tuple(labels), blank)


def joined(sheets: Iterable[tuple[str, Filled]]) -> list[LabelledStretch]:
    """The labels of several sheets, each with its file's name.

    Raises:
        CorpusError: two of them hold the same stretch by the same annotator.
    """
    first: dict[tuple[Place, str], str] = {}
    labels: list[LabelledStretch] = []
    faults: list[str] = []
    for file, filled in sheets:
        for one in filled.labels:
            known = first.setdefault((place_of(one), one.annotator), file)
            if known != file:
                faults.append(f"{one.annotator} labels {one.key} from {one.start_s:g} s in {known} and in {file}")
            labels.append(one)
    if faults:
        shown = "\n".join(f"  - {fault}" for fault in faults[:20])
        raise CorpusError(f"{len(faults)} stretches are there twice by one annotator; keep one of each:\n{shown}")
    return labels


def place_of(label: LabelledStretch) -> Place:
    """The stretch that a label is of."""
    return label.key, label.channel, label.start_s, label.end_s


def consensus(labels: Iterable[LabelledStretch]) -> Iterator[Mapping[str, Any]]:
    """A row of a manifest for each stretch: the emotion that most annotators gave. Where there is none, no row."""
    by_place: dict[Place, list[LabelledStretch]] = {}
    for one in labels:
        by_place.setdefault(place_of(one), []).append(one)
    for (uri, channel, start_s, end_s), several in by_place.items():
        emotion = majority([one.emotion for one in several])
        if emotion is not None:
            span = {"uri": uri, "channel": channel, "start_s": start_s, "end_s": end_s}
            said = {"speaker": several[0].speaker, "language": several[0].language}
            yield {**span, **said, "emotion": emotion, "annotator": f"majority of {len(several)}"}


def write_consensus(labels: Iterable[LabelledStretch]) -> tuple[bytes, int]:
    """The manifest of `consensus` as CSV, and its number of rows."""
    rows = list(consensus(labels))
    return write_sheet(rows, _CONSENSUS), len(rows)


def _labelled_lines(data: bytes) -> tuple[bytes, int, int]:
    """The sheet with its unlabelled rows as empty lines, which the manifest's reader passes over without miscounting;
    the number of labelled rows, and of the others. What is no such CSV comes back as it is, for that reader to say why.
    """
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        line, place = reader.line_num, header.index("emotion")
        rows = [(row, reader.line_num) for row in reader]
    except (UnicodeDecodeError, csv.Error, ValueError):
        return data, 0, 0
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    filled = blank = 0
    for row, last in rows:
        if len(row) == len(header) and not row[place].strip():
            text.write("\n" * (last - line))
            blank += any(cell.strip() for cell in row)
        else:
            writer.writerow(row)
            filled += bool(row)
        line = last
    return text.getvalue().encode(), filled, blank


def _uri(key: str, root: str) -> str:
    return key if key.startswith("/") or "://" in key else f"{root.rstrip('/')}/{key}"


def _annotator(label: LabelledStretch, otherwise: str) -> str:
    return otherwise if label.annotator == LabelledStretch.annotator else label.annotator
