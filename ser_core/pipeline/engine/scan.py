"""Reads tables through storage, whole files per task, so that S3 needs no extra jar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import pyarrow as pa
from pyspark import Accumulator, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from ser_core.data.storage import retries
from ser_core.data.tables.schemas import Table
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.engine.worker import lighten

FILE = "file"

Kernel = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

_repeated: WeakKeyDictionary[SparkContext, Accumulator[int]] = WeakKeyDictionary()


def spark_schema(session: SparkSession, schema: pa.Schema) -> StructType:
    """The Spark schema of an Arrow schema."""
    return session.createDataFrame(schema.empty_table()).schema


def map_arrow(frame: DataFrame, kernel: Kernel, schema: pa.Schema) -> DataFrame:
    """`frame.mapInArrow(kernel)` with rows of `schema`. Counts the requests to storage that its tasks repeat."""
    session = frame.sparkSession
    return frame.mapInArrow(_Counted(kernel, _accumulator(session)), spark_schema(session, schema))


def retries_of(session: SparkSession) -> int:
    """Requests to storage repeated so far, by this process and by the session's successful tasks."""
    return retries() + int(_accumulator(session).value)


def scan(
    session: SparkSession,
    store: TableStore,
    table: Table,
    columns: Sequence[str],
    *,
    files: Sequence[str] | None = None,
    filters: Any = None,
    with_file: bool = False,
) -> DataFrame:
    """Rows of `table`.

    Args:
        session: Spark.
        store: where the table is.
        table: the table to read.
        columns: to read.
        files: keys to read; every visible file where None.
        filters: as for `TableStore.read`.
        with_file: add the column `file`, the key that a row was read from.
    """
    keys = store.files(table) if files is None else list(files)
    schema = pa.schema([table.schema.field(name) for name in columns])
    if with_file:
        schema = schema.append(pa.field(FILE, pa.string()))
    if not keys:
        return session.createDataFrame(schema.empty_table())

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for key in batch.column(0).to_pylist():
                rows = store.read(key, columns, filters, table.schema)
                if with_file:
                    rows = rows.append_column(FILE, pa.array([key] * len(rows), pa.string()))
                yield from rows.to_batches(max_chunksize=10_000)

    tasks = min(len(keys), 4 * session.sparkContext.defaultParallelism)
    listed = session.createDataFrame(pa.table({FILE: keys})).repartition(tasks)
    return map_arrow(listed, read, schema)


@dataclass(frozen=True)
class _Counted:
    """A kernel that adds its worker's repeated requests to `total`. A worker runs one task at a time."""

    kernel: Kernel
    total: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        before = retries()
        yield from self.kernel(batches)
        if retries() > before:
            self.total.add(retries() - before)
        lighten()


def _accumulator(session: SparkSession) -> Accumulator[int]:
    context = session.sparkContext
    if context not in _repeated:
        _repeated[context] = context.accumulator(0)
    return _repeated[context]
