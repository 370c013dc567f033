"""Readers that poll tables, and what they may see."""

from __future__ import annotations

import io
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.schemas import CALL_EMOTIONS, SEGMENT_EMOTIONS, Table
from ser_core.data.tables.store import TableStore, path_values

COLUMNS: Mapping[Table, tuple[str, ...]] = {
    CALL_EMOTIONS: (*CALL_EMOTIONS.key, "dominant_emotion", "confidence", "valence", "arousal", "share_sad"),
    SEGMENT_EMOTIONS: (*SEGMENT_EMOTIONS.key, "call_id", "emotion", "confidence", "p_neutral", "p_sad", "valence"),
}
_TOLERANCE = 1e-5

Row = Sequence[Any]
Look = Callable[[Table], Sequence[Row]]


def by_duckdb(tables: str) -> Look:
    """Rows read by a plain glob."""
    session = duckdb.connect(":memory:")

    def look(table: Table) -> Sequence[Row]:
        source = f"read_parquet('{tables}/{table.name}/**/*.parquet', hive_partitioning = true)"
        return session.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {source}").fetchall()

    return look


def by_spark(session: SparkSession, tables: str) -> Look:
    """Rows by Spark's own Parquet reader. A file that was replaced after it was listed fails the query."""

    def look(table: Table) -> Sequence[Row]:
        return session.read.parquet(f"{tables}/{table.name}").select(*COLUMNS[table]).collect()

    return look


def by_catalog(store: TableStore) -> Look:
    """Rows as `ser query` reads them: in ranges, of one version of each file."""
    catalog = Catalog(store, None)

    def look(table: Table) -> Sequence[Row]:
        rows = catalog.query(f"SELECT {', '.join(COLUMNS[table])} FROM {table.name}").to_pylist()
        return [tuple(row.values()) for row in rows]

    return look


def by_object(store: TableStore) -> Look:
    """Rows of whole objects, listed and then read."""

    def look(table: Table) -> Sequence[Row]:
        found: list[Row] = []
        for key in store.files(table):
            values = {name: value.as_py() for name, value in path_values(key).items()}
            rows = pq.read_table(io.BytesIO(store.storage.read(key)), partitioning=None).to_pylist()
            found += [tuple({**row, **values}[name] for name in COLUMNS[table]) for row in rows]
        return found

    return look


@dataclass
class Expected:
    """Every row that may be seen: by its key, what its model says under each of the settings."""

    values: dict[Table, dict[Row, list[Row]]] = field(default_factory=dict)

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds what one state of a table has."""
        width = len(table.key)
        known = self.values.setdefault(table, {})
        for row in rows:
            known.setdefault(tuple(row[:width]), []).append(tuple(row[width:]))

    def distinct(self) -> bool:
        """Whether no segment is the same in two states: of another model, or by other settings."""
        states: dict[Row, list[Row]] = {}
        for key, values in self.values[SEGMENT_EMOTIONS].items():
            states.setdefault(key[1:], []).extend(values)
        pairs = (pair for rows in states.values() for pair in itertools.combinations(rows, 2))
        return not any(_same(*pair) for pair in pairs)

    def wrong(self, table: Table, rows: Sequence[Row]) -> str | None:
        """What an answer has too much, too little or otherwise; None where it is right."""
        width, known = len(table.key), self.values[table]
        seen = Counter(tuple(row[:width]) for row in rows)
        odd = {key: seen[key] for key in {*known, *seen} if seen[key] != 1 or key not in known}
        other = [row for row in rows if not any(_same(row[width:], it) for it in known.get(tuple(row[:width]), ()))]
        if not odd and not other:
            return None
        return f"{table.name}: times that keys are there: {odd}; rows of no model: {other[:3]}"


class Reader(threading.Thread):
    """Polls both tables until it is told to stop.

    Attributes:
        looks: answers looked at.
        failed: queries that gave no answer, of the errors `allowed`.
        torn: what an answer had too much, too little or otherwise, one text a torn answer.
        broken: an error that is not allowed, and ended the reading.
    """

    def __init__(self, look: Look, expected: Expected, allowed: tuple[type[Exception], ...] = ()) -> None:
        super().__init__(daemon=True)
        self._look, self._expected, self._allowed = look, expected, allowed
        self._enough = threading.Event()
        self.looks, self.failed = 0, 0
        self.torn: list[str] = []
        self.broken: Exception | None = None

    def run(self) -> None:
        try:
            while not self._enough.is_set():
                for table in COLUMNS:
                    self.once(table)
        except Exception as error:
            self.broken = error

    def once(self, table: Table) -> None:
        """Looks at a table."""
        try:
            rows = self._look(table)
        except self._allowed:
            self.failed += 1
            return
        self.looks += 1
        wrong = self._expected.wrong(table, rows)
        if wrong is not None:
            self.torn.append(wrong)

    def stop(self) -> None:
        """Ends the reading; raises what broke it."""
        self._enough.set()
        self.join()
        if self.broken is not None:
            raise self.broken


def _same(row: Row, other: Row) -> bool:
    return all(
        math.isclose(a, b, abs_tol=_TOLERANCE) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(row, other, strict=True)
    )
