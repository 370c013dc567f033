"""Splits work into tasks of about the same size, the largest rows first, without moving rows to the driver."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

TASK = "task"
_CLASS = "size_class"
_CLASSES_PER_DOUBLING = 2
_TASKS_PER_SLOT = 8
_WAVES = 4  # tasks per slot at the least, to even out costs that sizes do not predict
_ROUNDING = 1e-6  # in tasks


@dataclass(frozen=True)
class _SizeClass:
    """Rows of about the same size, and the tasks that they are dealt to."""

    size_class: int
    first_task: int
    tasks: int
    rows: int


def balance(rows: DataFrame, size: str, target: float, slots: int) -> DataFrame:
    """`rows` repartitioned so that each task holds about `target` of the column `size`, large rows first.

    Rows of a size class (within a factor of √2) are dealt evenly over the tasks of that class, ordered by date, so that
    a task has few dates. Only the counts by class come to the driver. Tasks with the largest rows have the lowest
    numbers; Spark starts those first, so that a long call does not begin last.

    Args:
        rows: with the columns `call_date`, `recording_id` and `size`, which is positive.
        size: name of the column.
        target: total of `size` per task at the most, unless one row is larger.
        slots: tasks that run at the same time; small work is spread over all of them.
    """
    doublings = F.log2(F.greatest(F.col(size), F.lit(1)).cast("double"))
    classed = rows.withColumn(_CLASS, F.floor(doublings * _CLASSES_PER_DOUBLING).cast("int"))
    counted = classed.groupBy(_CLASS).agg(F.count("*").alias("n"), F.sum(size).alias("total")).toArrow()
    classes = _plan(counted, target, slots)
    if not classes:
        return rows
    count = classes[-1].first_task + classes[-1].tasks
    session = rows.sparkSession
    numbers = [(c.size_class, c.first_task, c.tasks, c.rows) for c in classes]
    plan = session.createDataFrame(numbers, f"{_CLASS} int, first int, tasks int, n long")
    dealt = Window.partitionBy(_CLASS).orderBy("call_date", "recording_id")
    place = F.floor((F.row_number().over(dealt) - 1) * F.col("tasks") / F.col("n"))
    numbered = (
        classed.join(F.broadcast(plan), _CLASS)
        .withColumn(TASK, (F.col("first") + place).cast("int"))
        .drop(_CLASS, "first", "tasks", "n")
    )
    return _by_task(numbered, count)


def whole_files(rows: DataFrame, file: str, size: str) -> DataFrame:
    """`rows` repartitioned so that each file's rows are in one task, sorted by file, in tasks of about the same size.

    Only names and sizes of files come to the driver; at the usual 128 to 256 MB they are few.

    Args:
        rows: with the columns `file` and `size`. The column `size` is dropped.
        file: name of the column that holds a row's file.
        size: name of the column that holds a row's size, a number; null counts as 0.
    """
    sizes = rows.groupBy(file).agg(F.sum(F.coalesce(size, F.lit(0))).alias("total")).collect()
    session = rows.sparkSession
    count = max(1, min(len(sizes), _TASKS_PER_SLOT * session.sparkContext.defaultParallelism))
    held = [(0, task) for task in range(count)]  # a heap: the next largest file goes to the task that holds least
    plan = []
    for row in sorted(sizes, key=lambda row: (-row.total, row[file])):
        total, task = held[0]
        heapq.heapreplace(held, (total + row.total, task))
        plan.append((row[file], task))
    chosen = session.createDataFrame(plan, f"{file} string, {TASK} int")
    dealt = rows.drop(size).join(F.broadcast(chosen), file)
    return _by_task(dealt, count).drop(TASK).sortWithinPartitions(file)


def _by_task(numbered: DataFrame, count: int) -> DataFrame:
    if hasattr(numbered, "repartitionById"):
        return numbered.repartitionById(count, TASK)
    return numbered.repartitionByRange(count, TASK)


def _plan(counted: pa.Table, target: float, slots: int) -> list[_SizeClass]:
    """Tasks per size class, largest first; `counted` has size_class, n and total."""
    classes = sorted(counted.to_pylist(), key=lambda row: -row[_CLASS])
    whole = sum(row["total"] for row in classes)
    waves = max(_WAVES, math.ceil(whole / (slots * target)))  # a whole number: no slot is idle in the last wave
    target = max(1.0, whole / (waves * slots))
    plan: list[_SizeClass] = []
    first = 0
    for row in classes:
        tasks = max(1, min(row["n"], math.ceil(row["total"] / target - _ROUNDING)))
        plan.append(_SizeClass(row[_CLASS], first, tasks, row["n"]))
        first += tasks
    return plan
