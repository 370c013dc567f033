"""Closed dates are compacted within a night, by the driver where they are small."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ser_core.config import Settings, load_settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.schemas import CHANNELS, RUNS
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.compact import compact_closed
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import Run
from tests.support.tables import MONDAY, TUESDAY, extraction, fill, opened, run_id

SETTINGS: Settings = load_settings(environ={})
LOOKBACK = SETTINGS.nightly.lookback_days


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    """Both dates have the files of five tasks and more."""
    tables = TableStore(FolderStorage(tmp_path))
    fill(tables)
    for day, name, call in ((MONDAY, "r1", "c1"), (TUESDAY, "r3", "c3")):
        for task in range(5):
            extraction(tables, run_id(5), task, [(name, "v1", call, day)])
    return tables


def compact(store: TableStore, worked: list[dt.date], days_after: int) -> Run:
    """As a night does that starts so many days after Monday, at noon."""
    cluster = Cluster("test", SETTINGS.spark)
    noon = dt.datetime.combine(MONDAY, dt.time(12), dt.UTC)
    run = Run("nightly", None, started_at=noon + dt.timedelta(days=days_after))
    compact_closed(cluster, SETTINGS, store, worked, run)
    assert not cluster.started
    return run


def files(store: TableStore) -> list[int]:
    return [len(store.files_of(CHANNELS, call_date=date)) for date in (MONDAY, TUESDAY)]


def test_a_date_is_compacted_as_the_window_leaves_it(store: TableStore) -> None:
    assert files(store) == [7, 6]
    assert "compacted_dates" not in compact(store, [], LOOKBACK + 1).summary  # the window begins with Monday
    assert files(store) == [7, 6]
    assert compact(store, [], LOOKBACK + 2).summary["compacted_dates"] == 1
    assert files(store) == [1, 6]


def test_a_date_that_was_worked_on_long_after(store: TableStore) -> None:
    compact(store, [], 90)
    assert files(store) == [7, 6]
    compact(store, [TUESDAY], 90)
    assert files(store) == [7, 1]


def test_dates_with_work_left_or_unknown_stay(store: TableStore) -> None:
    dates = Dates(store)
    dates.update(MONDAY, open=True)
    dates.forget(TUESDAY)
    dates.save()
    compact(store, [MONDAY, TUESDAY], 90)
    assert files(store) == [7, 6]


def test_a_night_without_anything_to_join_reads_nothing_of_it(
    store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(store, [MONDAY, TUESDAY], 20)
    seen = opened(store.storage, monkeypatch)
    compact(store, [MONDAY, TUESDAY], 20)
    assert {key.partition("/")[0] for key in seen} == {"dates"}


def test_runs_of_the_month_before_are_joined(store: TableStore) -> None:
    assert len(store.files(RUNS)) == 3
    compact(store, [], 20)
    assert len(store.files(RUNS)) == 3
    compact(store, [], 40)
    assert store.files(RUNS) == ["runs/month=2026-03/joined.parquet"]
