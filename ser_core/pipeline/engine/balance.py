"""Cutting work into tasks of about the same size, the largest first, without bringing the rows to the driver."""

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
_WAVES = 4  # tasks a slot at the least: they even out what sizes do not tell
_ROUNDING = 1e-6  # of a task


@dataclass(frozen=True)
class _SizeClass:
    """Rows of about the same size, and the tasks they are dealt to."""

    size_class: int
    first_task: int
    tasks: int


def balance(rows: DataFrame, size: str, target: float, slots: int) -> DataFrame:
    """`rows` spread so that each partition holds about `target` of the column `size`, large rows first.

    Rows of a size class (within a factor of √2) are dealt evenly over that class's tasks; only the few counts by class
    come to the driver. Tasks with the largest rows have the lowest numbers, and Spark starts those first, so that a
    long call begins early instead of ending late.

    Args:
        rows: with a positive column `size`.
        size: its name.
        target: most of `size` a task should hold, except where one row is larger.
        slots: tasks that run at once; small work is still spread over all of them.
    """
    doublings = F.log2(F.greatest(F.col(size), F.lit(1)).cast("double"))
    classed = rows.withColumn(_CLASS, F.floor(doublings * _CLASSES_PER_DOUBLING).cast("int"))
    counted = classed.groupBy(_CLASS).agg(F.count("*").alias("n"), F.sum(size).alias("total")).toArrow()
    classes = _plan(counted, target, slots)
    if not classes:
        return rows
    count = classes[-1].first_task + classes[-1].tasks
    session = rows.sparkSession
    plan = session.createDataFrame([(c.size_class, c.first_task, c.tasks) for c in classes], [_CLASS, "first", "tasks"])
    dealt = Window.partitionBy(_CLASS).orderBy(F.col(size).desc(), F.col("recording_id"))
    numbered = (
        classed.join(F.broadcast(plan), _CLASS)
        .withColumn(TASK, (F.col("first") + (F.row_number().over(dealt) - 1) % F.col("tasks")).cast("int"))
        .drop(_CLASS, "first", "tasks")
    )
    return _by_task(numbered, count)


def whole_files(rows: DataFrame, file: str, size: str) -> DataFrame:
    """`rows` spread so that all rows of a file come to one task, sorted by file, and tasks hold about as much.

    Only the files' names and sizes come to the driver: files of the usual 128 to 256 MB are few.

    Args:
        rows: with a column of numbers `size`, and `file`.
        file: the name of a column.
        size: its name; null counts as nothing.
    """
    sizes = rows.groupBy(file).agg(F.sum(F.coalesce(size, F.lit(0))).alias("total")).collect()
    session = rows.sparkSession
    count = max(1, min(len(sizes), _TASKS_PER_SLOT * session.sparkContext.defaultParallelism))
    held = [(0, task) for task in range(count)]  # a heap: the largest file yet goes to the task with the least
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
    """Tasks by size class, largest first; `counted` has size_class, n and total."""
    classes = sorted(counted.to_pylist(), key=lambda row: -row[_CLASS])
    whole = sum(row["total"] for row in classes)
    waves = max(_WAVES, math.ceil(whole / (slots * target)))  # whole ones, so that no slot is idle during the last
    target = max(1.0, whole / (waves * slots))
    plan: list[_SizeClass] = []
    first = 0
    for row in classes:
        tasks = max(1, min(row["n"], math.ceil(row["total"] / target - _ROUNDING)))
        plan.append(_SizeClass(row[_CLASS], first, tasks))
        first += tasks
    return plan
