"""Readers that poll the emotion tables by a plain glob while dates are scored again and again.

    python -m tests.faults.torn_reads [--rounds 20]

DuckDB and Spark read `call_emotions` and `segment_emotions` as any BI tool would. A torn read is one in which a call is
missing or doubled, or has not all its segments. A query that fails since a file it had listed was replaced is counted
apart: the reader is told, and asks again. Writes `torn_reads`, `reads` and `failed_reads` to build/faults.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ser_core.config import Settings
from tests.faults.report import record
from tests.support.pipeline import PATTERN, job_settings, run
from tests.support.synth import EMOTIONS, corpus_files, stereo_wav, write_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = ("call_emotions", "segment_emotions")
Counts = Mapping[str, int]
"""Rows by call."""


@dataclass
class Reader:
    """Polls until `done` is set. `count` gives the rows by call of a table, or fails as a query does."""

    name: str
    count: Callable[[str], Counts]
    expected: Mapping[str, Counts]
    done: threading.Event
    reads: int = 0
    failed: int = 0
    torn: list[str] = field(default_factory=list)
    first_failure: str = ""

    def poll(self) -> None:
        """Reads both tables in turn."""
        while not self.done.is_set():
            for table in TABLES:
                try:
                    found = self.count(table)
                except Exception as error:
                    self.failed += 1
                    self.first_failure = self.first_failure or " ".join(str(error).split())[:200]
                    continue
                self.reads += 1
                if found != self.expected[table]:
                    self.torn.append(f"{self.name} found {dict(found)} in {table}, expected {self.expected[table]}")


def by_duckdb(tables: Path) -> Callable[[str], Counts]:
    """A new connection each time: nothing of an earlier read is kept."""

    def count(table: str) -> Counts:
        pattern = f"{tables}/{table}/**/*.parquet"
        sql = f"SELECT call_id, count(*) FROM read_parquet('{pattern}') GROUP BY ALL"
        with duckdb.connect() as connection:
            return dict(connection.sql(sql).fetchall())

    return count


def by_spark(session: SparkSession, tables: Path) -> Callable[[str], Counts]:
    """A read of its own each time, by the same glob."""

    def count(table: str) -> Counts:
        pattern = f"{tables}/{table}/model_version=*/call_date=*/*.parquet"
        rows = session.read.parquet(pattern).groupBy("call_id").count().collect()
        return {row[0]: row[1] for row in rows}

    return count


def prepared(session: SparkSession, root: Path) -> Settings:
    """A root whose calls have been scored once, set to score them again."""
    from ser_core.spark.extract import Extract
    from ser_core.spark.ingest import Ingest
    from ser_core.spark.score import Score
    from ser_core.spark.train import Train

    write_files(root / "corpus", corpus_files())
    files = {
        f"2026/03/0{2 + n % 2}/c{n}_a1.wav": stereo_wav(EMOTIONS[n % 4], "sad", 3.0 + n % 3, 10 * n) for n in range(12)
    }
    write_files(root / "archive", files)
    settings = job_settings(root, {"archive": {"pattern": PATTERN}, "scoring": {"again": True}})
    for work in (Train, Ingest, Extract, Score):
        run(session, work, settings)
    return settings


def watch(session: SparkSession, root: Path, rounds: int) -> list[Reader]:
    """Scores `rounds` times under the eyes of both readers."""
    from ser_core.spark.score import Score

    settings, done = prepared(session, root), threading.Event()
    tables = root / "tables"
    duck = by_duckdb(tables)
    expected = {table: duck(table) for table in TABLES}
    readers = [
        Reader("DuckDB", duck, expected, done),
        Reader("Spark", by_spark(session, tables), expected, done),
    ]
    threads = [threading.Thread(target=reader.poll) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        for _ in range(rounds):
            run(session, Score, settings)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return readers


def main() -> int:
    """Prints a line a reader; 1 where a read was torn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()

    from ser_core.spark.session import start_session

    with tempfile.TemporaryDirectory(prefix="ser-torn-") as folder:
        session = start_session("torn reads", job_settings(folder).spark)
        readers = watch(session, Path(folder), arguments.rounds)
    for one in readers:
        told = f"; the first: {one.first_failure}" if one.failed else ""
        sys.stdout.write(f"{one.name}: {one.reads} reads, {len(one.torn)} torn, {one.failed} failed{told}\n")
        sys.stdout.write("".join(f"  {torn}\n" for torn in one.torn[:5]))
    torn = sum(len(one.torn) for one in readers)
    reads, failed = ({one.name.lower(): getattr(one, name) for one in readers} for name in ("reads", "failed"))
    record({"torn_reads": torn, "rescores": arguments.rounds, "reads": reads, "failed_reads": failed})
    return int(torn > 0)


if __name__ == "__main__":
    sys.exit(main())
