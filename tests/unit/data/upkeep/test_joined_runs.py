"""Runs of a past month in one file: each once, and those alive in their own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore, rows
from ser_core.data.upkeep.joined_runs import join_runs, past_months
from tests.support.tables import StopError, Stopping, at, run_id, run_key

MONTH = "2026-03"


def add(store: TableStore, hour: int, **more: Any) -> None:
    row = {"run_id": run_id(hour), "job": "score", "status": "done", "started_at": at(hour), "finished_at": at(hour)}
    store.write(run_key(run_id(hour)), rows(RUNS.schema, [{**row, **more}]))


def ids(store: TableStore) -> list[str]:
    return sorted(row["run_id"] for key in store.files(RUNS) for row in store.read(key).to_pylist())


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    tables = TableStore(Stopping(tmp_path))
    for hour in (1, 2, 3):
        add(tables, hour)
    return tables


def test_each_run_is_there_once(store: TableStore) -> None:
    before = {row["run_id"]: row for key in store.files(RUNS) for row in store.read(key).to_pylist()}
    assert join_runs(store, MONTH) == (3, 1)
    (file,) = store.files(RUNS)
    assert {row["run_id"]: row for row in store.read(file, schema=RUNS.schema).to_pylist()} == before
    assert join_runs(store, MONTH) == (1, 1)


def test_runs_that_came_later_join_them(store: TableStore) -> None:
    join_runs(store, MONTH)
    add(store, 4)
    assert join_runs(store, MONTH) == (2, 1)
    assert ids(store) == [run_id(hour) for hour in (1, 2, 3, 4)]


def test_a_run_that_is_alive_keeps_its_file(store: TableStore) -> None:
    add(store, 4, status="running", finished_at=None)
    assert join_runs(store, MONTH) == (4, 2)
    assert run_key(run_id(4)) in store.files(RUNS)
    assert join_runs(store, MONTH) == (2, 2)
    add(store, 4, status="failed")
    assert join_runs(store, MONTH) == (2, 1)


def test_stopped_anywhere_each_run_is_there_once_in_the_end(tmp_path: Path) -> None:
    for step in range(4):
        store = TableStore(Stopping(tmp_path / str(step)))
        for hour in (1, 2, 3):
            add(store, hour)
        storage = store.storage
        assert isinstance(storage, Stopping)
        storage.stop_at = storage.changes + step
        with pytest.raises(StopError):
            join_runs(store, MONTH)
        storage.stop_at = None
        assert set(ids(store)) == {run_id(hour) for hour in (1, 2, 3)}
        join_runs(store, MONTH)
        assert ids(store) == [run_id(hour) for hour in (1, 2, 3)]


def test_of_two_rows_of_a_run_the_later_counts(store: TableStore) -> None:
    join_runs(store, MONTH)
    add(store, 3, status="failed", updated_at=at(9))
    join_runs(store, MONTH)
    (file,) = store.files(RUNS)
    assert {row["run_id"]: row["status"] for row in store.read(file).to_pylist()}[run_id(3)] == "failed"


def test_only_past_months_are_joined(store: TableStore) -> None:
    assert past_months(store, at(1)) == []
    assert past_months(store, dt.datetime(2026, 4, 1, tzinfo=dt.UTC)) == [MONTH]
