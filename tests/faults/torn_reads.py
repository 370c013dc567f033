"""Readers that poll tables by a plain glob while they are scored again: no call is missing, and none is there twice.

`python -m tests.faults.torn_reads`
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.pipeline.stages.score import Score
from tests.faults.night import Night
from tests.faults.report import record
from tests.faults.running import warm_session
from tests.support.pipeline import run

TABLES = ("call_emotions", "segment_emotions")
Counts = dict[tuple[Any, ...], int]
Look = Callable[[str], Counts]


def by_duckdb(tables: Path) -> Look:
    """Rows by call and role, read by a plain glob."""
    session = duckdb.connect(":memory:")

    def look(table: str) -> Counts:
        source = f"read_parquet('{tables}/{table}/**/*.parquet', hive_partitioning=false)"
        found = session.execute(f"SELECT call_id, role, count(*) FROM {source} GROUP BY ALL").fetchall()
        return {row[:2]: row[2] for row in found}

    return look


def by_spark(session: SparkSession, tables: Path) -> Look:
    """As `by_duckdb`, by Spark's own Parquet reader. A file that was replaced after it was listed fails the query."""

    def look(table: str) -> Counts:
        frame = session.read.option("recursiveFileLookup", "true").parquet(f"{tables}/{table}")
        return {row[:2]: row[2] for row in frame.groupBy("call_id", "role").agg(F.count("*")).collect()}

    return look


class Reader(threading.Thread):
    """Polls both tables until it is told to stop.

    Attributes:
        looks: answers looked at.
        failed: queries that gave no answer, of the errors `allowed`.
        torn: what an answer had too much or too little, one text a torn answer.
        broken: an error that is not allowed, and ended the reading.
    """

    def __init__(self, look: Look, expected: dict[str, Counts], allowed: type[Exception] | tuple[()]) -> None:
        super().__init__(daemon=True)
        self._look, self._expected, self._allowed = look, expected, allowed
        self._enough = threading.Event()
        self.looks, self.failed = 0, 0
        self.torn: list[str] = []
        self.broken: Exception | None = None

    def run(self) -> None:
        try:
            while not self._enough.is_set():
                for table, expected in self._expected.items():
                    self._once(table, expected)
        except Exception as error:
            self.broken = error

    def _once(self, table: str, expected: Counts) -> None:
        try:
            found = self._look(table)
        except self._allowed:
            self.failed += 1
            return
        self.looks += 1
        wrong = {key: (expected.get(key, 0), found.get(key, 0)) for key in expected.keys() | found.keys()}
        wrong = {key: both for key, both in wrong.items() if both[0] != both[1]}
        if wrong:
            self.torn.append(f"{table}: rows expected and found, by call: {wrong}")

    def stop(self) -> None:
        """Ends the reading; raises what broke it."""
        self._enough.set()
        self.join()
        if self.broken is not None:
            raise self.broken


def read_while_scored(session: SparkSession, night: Night, times: int) -> dict[str, Reader]:
    """Scores the same dates `times` times anew while both readers poll; the readers, done."""
    place = night.fresh("score", "torn")
    run(session, Score, night.settings(place.name))
    look = by_duckdb(place)
    expected = {table: look(table) for table in TABLES}
    assert expected["call_emotions"]
    assert set(expected["call_emotions"].values()) == {1}
    readers = {
        "duckdb": Reader(look, expected, ()),
        "spark": Reader(by_spark(session.newSession(), place), expected, PySparkException),
    }
    for reader in readers.values():
        reader.start()
    try:
        for _ in range(times):
            run(session, Score, night.settings(place.name, {"scoring": {"again": True}}))
    finally:
        for reader in readers.values():
            reader.stop()
    return readers


def main() -> int:
    """Runs the trial, prints what each reader saw, and records the torn answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torn-") as root, warm_session() as session:
        readers = read_while_scored(session, Night.prepare(session, Path(root)), given.times)
    total: Counter[str] = Counter()
    for name, reader in readers.items():
        print(f"{name:7} {reader.looks} answers, {len(reader.torn)} torn, {reader.failed} queries failed")
        print("".join(f"  {text}\n" for text in reader.torn[:3]), end="")
        total.update(torn_reads=len(reader.torn), torn_read_looks=reader.looks, torn_read_queries_failed=reader.failed)
    record({**total, "torn_read_rescores": given.times})
    return 1 if total["torn_reads"] or not all(reader.looks for reader in readers.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
