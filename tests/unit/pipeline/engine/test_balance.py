"""Dealing recordings of very different sizes to tasks."""

from __future__ import annotations

import math

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ser_core.pipeline.engine.balance import _plan

CLASSES = st.dictionaries(st.integers(0, 60), st.tuples(st.integers(1, 500), st.integers(1, 10**9)), max_size=20)
COUNTED = pa.schema([("size_class", pa.int32()), ("n", pa.int64()), ("total", pa.int64())])


def counted(classes: dict[int, tuple[int, int]]) -> pa.Table:
    rows = [{"size_class": key, "n": n, "total": n * size} for key, (n, size) in classes.items()]
    return pa.Table.from_pylist(rows, schema=COUNTED)


@given(CLASSES, st.floats(1, 1e9), st.integers(1, 64))
def test_tasks_are_numbered_without_gaps_the_largest_first(
    classes: dict[int, tuple[int, int]], target: float, slots: int
) -> None:
    plan = _plan(counted(classes), target, slots)
    assert [one.size_class for one in plan] == sorted(classes, reverse=True)
    first = 0
    for one in plan:
        assert one.first_task == first
        assert 1 <= one.tasks <= classes[one.size_class][0]  # no task without a recording
        first += one.tasks


@given(CLASSES, st.floats(1, 1e9), st.integers(1, 64))
def test_no_task_is_much_above_the_target(classes: dict[int, tuple[int, int]], target: float, slots: int) -> None:
    for one in _plan(counted(classes), target, slots):
        n, size = classes[one.size_class]
        rows_a_task = math.ceil(n / one.tasks)
        assert rows_a_task * size <= target + size  # at the most one recording too many


def test_a_large_call_and_many_small_ones() -> None:
    plan = _plan(counted({50: (1, 1000), 10: (100, 10)}), 500.0, 2)
    assert [(one.size_class, one.first_task, one.tasks) for one in plan] == [(50, 0, 1), (10, 1, 4)]


def test_small_work_is_spread_over_all_slots() -> None:
    (only,) = _plan(counted({10: (100, 10)}), 1e9, 4)
    assert only.tasks == 16


def test_calls_of_one_size_end_in_a_full_wave() -> None:
    (only,) = _plan(counted({42: (720, 2_880_000)}), 64 * 2**20, 2)
    assert only.tasks == 32  # 31 would do, and leave one of two slots idle while the last one runs
