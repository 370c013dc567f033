"""Where work runs: small work in the driver's process, the rest on Spark.

The session starts when it is first needed. A night without news reads a few small files. Starting a JVM for that would
take several times as long as the work.
"""

from __future__ import annotations

import atexit
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config.settings import SparkSettings
from ser_core.data.storage import retries
from ser_core.data.tables.packed import unpacked
from ser_core.data.tables.store import conform
from ser_core.pipeline.engine.arrow_map import Kernel, map_arrow, repeated_in_tasks
from ser_core.pipeline.engine.progress import Progress
from ser_core.pipeline.engine.session import start_session

OfDate = Callable[[dt.date], pa.Table]
"""What is computed of one call date from its own files. Picklable."""

OnStart = Callable[[SparkSession], None]

Change = Callable[[pa.Table], pa.Table]


def _unchanged(rows: pa.Table) -> pa.Table:
    return rows


class Cluster:
    """The driver's process and a lazy Spark session.

    Args:
        name: of the application.
        settings: of Spark.
        session: a session that runs already.
    """

    def __init__(self, name: str, settings: SparkSettings, session: SparkSession | None = None) -> None:
        self._name, self._settings, self._session = name, settings, session
        self.progress = Progress()
        self._on_start: list[OnStart] = []

    @property
    def session(self) -> SparkSession:
        """The session, started now where none runs."""
        if self._session is None:
            self._session = start_session(self._name, self._settings)
            atexit.register(self._session.stop)  # executors that are left to the JVM's end fail with a stack trace
        checks, self._on_start = self._on_start, []
        for check in checks:
            check(self._session)
        return self._session

    def on_start(self, check: OnStart) -> None:
        """Calls `check` with the session before its first work from now on."""
        self._on_start.append(check)

    @property
    def started(self) -> bool:
        """Whether a session runs."""
        return self._session is not None

    def repeated_requests(self) -> int:
        """Requests to storage repeated so far, by this process and by the session's successful tasks."""
        return retries() + (repeated_in_tasks(self._session) if self._session is not None else 0)

    def look(self) -> None:
        """Reports how far the work on Spark is."""
        if self._session is not None:
            self.progress.look(self._session)

    @property
    def driver_rows(self) -> int:
        """Up to how many rows the driver plans by itself."""
        return self._settings.driver_rows

    def is_small(self, rows: int) -> bool:
        """Whether the driver does work on so many rows."""
        return rows <= self.driver_rows

    def rows(self, rows: pa.Table | DataFrame) -> Rows:
        """Rows that were computed elsewhere."""
        return Rows(self, rows)

    def of_dates(self, work: OfDate, dates: Sequence[dt.date], schema: pa.Schema, rows: int) -> Rows:
        """The rows that `work` gives of each date.

        Args:
            work: called once a date.
            dates: one task each, where Spark does the work.
            schema: of the rows.
            rows: about how many rows `work` reads in all; up to `spark.driver_rows` the driver does it.
        """
        if self.is_small(rows):
            parts = [schema.empty_table()]
            for done, date in enumerate(dates, 1):
                parts.append(work(date).cast(schema))
                self.progress.step(done, len(dates))
            return Rows(self, pa.concat_tables(parts))
        listed = pa.table({"call_date": pa.array(dates, pa.date32())})
        frame = self.session.createDataFrame(listed).repartition(len(dates))
        return Rows(self, map_arrow(frame, partial(_of_date, work, schema), schema))

    def each(self, kernel: Kernel, rows: Rows, schema: pa.Schema) -> pa.Table:
        """What `kernel` yields over rows, on the driver or by Spark, wherever they are."""
        if isinstance(rows.source, pa.Table):
            batches = rows.source.to_batches()
            return pa.Table.from_batches(list(kernel(iter(batches))), schema=schema)
        return map_arrow(rows.source, kernel, schema).toArrow()


class Rows:
    """Rows on the driver or on Spark, computed once. A context manager that frees what Spark holds of them."""

    def __init__(self, cluster: Cluster, rows: pa.Table | DataFrame) -> None:
        self._cluster, self._rows = cluster, rows

    def __enter__(self) -> Rows:
        if isinstance(self._rows, DataFrame):
            self._rows = self._rows.persist()
        return self

    def __exit__(self, *error: object) -> None:
        if isinstance(self._rows, DataFrame):
            self._rows.unpersist()

    def frame(self) -> DataFrame:
        """The rows as a DataFrame."""
        return self._cluster.session.createDataFrame(self._rows) if isinstance(self._rows, pa.Table) else self._rows

    def table(self, *columns: str) -> pa.Table:
        """The rows on the driver, with some of their columns or all."""
        if isinstance(self._rows, pa.Table):
            return self._rows.select(columns) if columns else self._rows
        return (self._rows.select(*columns) if columns else self._rows).toArrow()

    @property
    def source(self) -> pa.Table | DataFrame:
        """The rows where they are."""
        return self._rows

    def of_dates(self, dates: Collection[dt.date]) -> Rows:
        """The rows of some dates."""
        if isinstance(self._rows, pa.Table):
            wanted = pa.array(list(dates), pa.date32())
            return Rows(self._cluster, self._rows.filter(pc.is_in(self._rows["call_date"], wanted)))
        return Rows(self._cluster, self._rows.where(F.col("call_date").isin(list(dates))))

    def unpacked(self, column: str, schema: pa.Schema, change: Change = _unchanged) -> DataFrame:
        """The rows that `column` holds as bytes (`ser_core.data.tables.packed`), after `change` to each piece."""
        unpack = _Unpack(schema, change)
        if isinstance(self._rows, pa.Table):
            pieces = [unpack.rows(piece) for piece in self._rows.column(column).to_pylist()]
            return self._cluster.session.createDataFrame(pa.concat_tables([schema.empty_table(), *pieces]))
        return map_arrow(self._rows.select(column), unpack, schema)


@dataclass(frozen=True)
class _Unpack:
    """`mapInArrow` over packed rows."""

    schema: pa.Schema
    change: Change

    def rows(self, piece: bytes) -> pa.Table:
        return conform(self.change(unpacked([piece])), self.schema)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for piece in batch.column(0).to_pylist():
                yield from self.rows(piece).to_batches(max_chunksize=10_000)


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once within the block."""
    cached = frame.persist()
    try:
        yield cached
    finally:
        cached.unpersist()


def _of_date(work: OfDate, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for date in batch.column(0).to_pylist():
            yield from work(date).cast(schema).to_batches(max_chunksize=10_000)
