"""Writes derived tables: groups rows by partition and bucket, and replaces the file of each bucket whole."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame

from ser_core.data.tables.schemas import Table
from ser_core.data.tables.store import TableStore, bucket_key, conform
from ser_core.pipeline.engine.arrow_map import map_arrow

BUCKET = "bucket"
_REPORT = pa.schema([("table", pa.string()), ("call_date", pa.date32()), ("key", pa.string()), ("rows", pa.int64())])

Bucket = Callable[[pa.Table], Mapping[str, pa.Table]]
"""All rows of one bucket → the rows of each derived table, by table name."""


def publish(
    rows: DataFrame,
    store: TableStore,
    tables: Sequence[Table],
    make: Bucket,
    dates: Iterable[dt.date],
    fixed: Mapping[str, str],
    buckets: int,
) -> dict[str, Counter[dt.date]]:
    """Replaces the buckets of `dates` in each of `tables`.

    All buckets of each date are written, empty buckets as empty files, so that outdated rows are removed. The tables of
    a bucket are made from the same rows, in one task.

    Args:
        rows: with the columns `call_date` and `bucket`, and what `make` needs.
        store: where the tables are.
        tables: to write.
        make: turns a bucket's rows into the rows of each table.
        dates: partitions to replace.
        fixed: values of partition columns that are the same for all rows (model_version).
        buckets: number of buckets of a partition.

    Returns:
        Rows written, by table and date.
    """
    session = rows.sparkSession
    expected = sorted(set(dates))
    by_name = {table.name: table for table in tables}

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for (date, bucket), chunk in _chunks(batches):
            made = make(chunk)
            report = []
            for name, table in by_name.items():
                key = bucket_key(table, {**fixed, "call_date": date}, bucket)
                store.write(key, conform(made[name], table.schema))
                report.append({"table": name, "call_date": date, "key": key, "rows": len(made[name])})
            yield from pa.Table.from_pylist(report, schema=_REPORT).to_batches()

    tasks = max(1, min(len(expected) * buckets, 8 * session.sparkContext.defaultParallelism))
    together = rows.repartition(tasks, "call_date", BUCKET).sortWithinPartitions("call_date", BUCKET)
    written = map_arrow(together, write, _REPORT).toArrow()
    counts: dict[str, Counter[dt.date]] = {name: Counter() for name in by_name}
    for row in written.to_pylist():
        counts[row["table"]][row["call_date"]] += row["rows"]
    done = set(written.column("key").to_pylist())
    for table in tables:
        empty = table.schema.empty_table()
        for date in expected:
            for bucket in range(buckets):
                key = bucket_key(table, {**fixed, "call_date": date}, bucket)
                if key not in done:
                    store.write(key, empty)
    return counts


def spans(*columns: npt.NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of rows with equal values in all `columns`, arrays (n,) with n > 0."""
    changes = np.zeros(len(columns[0]) - 1, dtype=np.bool_)
    for column in columns:
        changes |= np.diff(column) != 0
    yield from pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), len(columns[0])])


def _chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[tuple[dt.date, int], pa.Table]]:
    """Rows of sorted `batches`, one table per date and bucket."""
    held: list[pa.RecordBatch] = []
    current: tuple[Any, int] | None = None
    for batch in batches:
        for key, piece in _pieces(batch):
            if current is not None and key != current:
                yield current, pa.Table.from_batches(held)
                held = []
            current = key
            held.append(piece)
    if current is not None:
        yield current, pa.Table.from_batches(held)


def _pieces(batch: pa.RecordBatch) -> Iterator[tuple[tuple[dt.date, int], pa.RecordBatch]]:
    if not len(batch):
        return
    day, bucket = (batch.column(name).cast(pa.int32()).to_numpy(False) for name in ("call_date", BUCKET))
    for start, end in spans(day, bucket):
        key = (batch.column("call_date")[start].as_py(), int(bucket[start]))
        yield key, batch.slice(start, end - start)
