"""Arrow kernels over partitions, with the requests to storage that their tasks repeat counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pyarrow as pa
from pyspark import Accumulator, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from ser_core.data.storage import retries
from ser_core.log import LogForm, log_as, log_form
from ser_core.pipeline.engine.worker import lighten

Kernel = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

_repeated: WeakKeyDictionary[SparkContext, Accumulator[int]] = WeakKeyDictionary()


def spark_schema(session: SparkSession, schema: pa.Schema) -> StructType:
    """The Spark schema of an Arrow schema."""
    return session.createDataFrame(schema.empty_table()).schema


def map_arrow(frame: DataFrame, kernel: Kernel, schema: pa.Schema) -> DataFrame:
    """`frame.mapInArrow(kernel)` with rows of `schema`. Counts the requests to storage that its tasks repeat."""
    session = frame.sparkSession
    return frame.mapInArrow(_InTask(kernel, _accumulator(session), log_form()), spark_schema(session, schema))


def repeated_in_tasks(session: SparkSession) -> int:
    """Requests to storage that the successful tasks of the session have repeated so far."""
    return int(_accumulator(session).value)


@dataclass(frozen=True)
class _InTask:
    """A kernel that adds its worker's repeated requests to `total`, and logs as the driver does. A worker runs one task
    at a time."""

    kernel: Kernel
    total: Accumulator[int]
    form: LogForm | None

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        log_as(self.form)
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
