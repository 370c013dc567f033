"""Log tables in few files: the same for every reader, wherever the run is stopped."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ser_core.config.privacy_settings import MaintainSettings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, RECORDINGS, RUNS
from ser_core.data.tables.store import TableStore, log_key, rows
from ser_core.data.upkeep.maintain import Maintain
from ser_core.data.upkeep.newest_extraction import batched_by_size
from ser_core.errors import SettingsError
from tests.support.s3 import storage_settings
from tests.support.tables import (
    MONDAY,
    SET,
    StopError,
    Stopping,
    at,
    counted,
    derived,
    extraction,
    fill,
    recording,
    run_id,
    taken,
)

SETTINGS = MaintainSettings(target_mb=1.0, quarantine_days=30)
LOGS = (CHANNELS, FEATURES, QUARANTINE, RUNS)
NOW = at(12)


def messy(store: TableStore) -> None:
    """Superseded versions, an extraction that occurs twice, vectors of a killed run, and old refusals."""
    fill(store)
    derived(store, RECORDINGS, [recording("r1", "c1", MONDAY, "v2"), recording("r2", "c2", MONDAY)], [MONDAY])
    extraction(store, run_id(5), 0, [("r1", "v2", "c1", MONDAY)])  # r1 was uploaded again
    extraction(store, run_id(6), 0, [("r2", "v1", "c2", MONDAY)])  # r2 was extracted again
    extraction(store, run_id(7), 0, [("r2", "v1", "c2", MONDAY)], "functionals-3@8k:def")
    extraction(store, run_id(8), 0, [("r9", "v1", "c9", MONDAY)])
    store.storage.delete(log_key(CHANNELS, run_id(8), 0))
    old = {"recording_id": "r4", "version": "v1", "uri": "u", "reason": "missing"}
    for day in (50, 40):
        row = {**old, "run_id": f"20260101T00{day}00-aaaaaa", "attempt": 1, "seen_at": NOW - dt.timedelta(days=day)}
        store.write(log_key(QUARANTINE, row["run_id"], 0), rows(QUARANTINE.schema, [row]))


def maintain(store: TableStore, hour: int = 11, keep: list[str] | None = None) -> dict[str, tuple[int, int, int]]:
    done = Maintain(store, SETTINGS, run_id(hour), keep).run(NOW)
    return {table.table: (table.files_before, table.files_after, table.rows_dropped) for table in done}


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(Stopping(tmp_path / "tables"))


def rows_of(store: TableStore, table: object) -> list[dict[str, object]]:
    return [row for key in store.files(table) for row in store.read(key).to_pylist()]  # type: ignore[arg-type]


def test_readers_take_the_same_from_fewer_files(store: TableStore) -> None:
    messy(store)
    before = taken(store)
    done = maintain(store)
    after = taken(store)
    assert {place: before[place] for place in after} == after
    assert set(before) - set(after) == {("r1", "v1")}  # its version is not the recording's any more
    assert done == {"channels": (6, 2, 4), "features": (7, 2, 12), "quarantine": (3, 1, 2), "runs": (3, 1, 0)}
    assert [row["attempt"] for row in rows_of(store, QUARANTINE)] == [1]
    assert {row["job"] for row in rows_of(store, RUNS)} == {"ingest", "extract", "score"}
    assert {file for file, _, _ in counted(store).values()} == {log_key(CHANNELS, run_id(11), 1)}


def test_twice_is_once(store: TableStore) -> None:
    messy(store)
    maintain(store)
    assert isinstance(store.storage, Stopping)
    changes = store.storage.changes
    assert all(before == after and not dropped for before, after, dropped in maintain(store, 12).values())
    assert store.storage.changes == changes


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_wherever_it_stops(tmp_path: Path) -> None:
    whole = TableStore(Stopping(tmp_path / "whole"))
    messy(whole)
    begun = whole.storage.changes  # type: ignore[attr-defined]
    before = taken(whole)
    maintain(whole)
    steps = whole.storage.changes - begun  # type: ignore[attr-defined]
    assert steps > 15
    expected = {table.name: _plain(rows_of(whole, table)) for table in LOGS}
    for step in range(steps):
        store = TableStore(Stopping(tmp_path / str(step)))
        messy(store)
        storage = store.storage
        assert isinstance(storage, Stopping)
        storage.stop_at = storage.changes + step
        with pytest.raises(StopError):
            maintain(store, 11)
        after = taken(store)
        assert set(before) - set(after) <= {("r1", "v1")}
        assert all(before[place] == count for place, count in after.items())
        storage.stop_at = None
        maintain(store, 12)
        assert {table.name: _plain(rows_of(store, table)) for table in LOGS} == expected, f"stopped at {step}"


def _plain(rows: list[dict[str, object]]) -> list[str]:
    return sorted(str(row) for row in rows)


def test_other_feature_sets_leave_on_request(store: TableStore) -> None:
    messy(store)
    maintain(store, keep=[SET])
    assert taken(store, "functionals-3@8k:def") == {}
    assert set(taken(store)) == {("r1", "v2"), ("r2", "v1"), ("r3", "v1")}
    assert {row["feature_set"] for row in rows_of(store, FEATURES)} == {SET}


def test_a_feature_set_that_is_not_there_is_refused(store: TableStore) -> None:
    messy(store)
    with pytest.raises(SettingsError, match=r"functionals-3@8k:def, paper-3@8k:abc"):
        maintain(store, keep=["paper-3@8k:xyz"])


def test_recordings_without_speech_have_no_vectors_and_stay(store: TableStore) -> None:
    fill(store)
    for key in store.files(FEATURES):
        store.storage.delete(key)
    before = taken(store)
    assert maintain(store)["channels"] == (3, 1, 0)
    assert taken(store) == before
    assert store.files(FEATURES) == []


def test_large_files_are_left_as_they_are(store: TableStore) -> None:
    fill(store)
    tiny = MaintainSettings(target_mb=0.0001, quarantine_days=30)
    before = store.files(CHANNELS)
    Maintain(store, tiny, run_id(11), None).run(NOW)
    assert store.files(CHANNELS) == before


def test_empty_tables_are_no_fault(store: TableStore) -> None:
    assert set(maintain(store).values()) == {(0, 0, 0)}


def test_on_s3(s3_server: str, s3_bucket: str) -> None:
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", storage_settings(s3_server)))
    messy(store)
    before = taken(store)
    assert maintain(store)["features"] == (7, 2, 12)
    assert {place: before[place] for place in taken(store)} == taken(store)


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [([], []), ([5, 5, 5], [[0, 1], [2]]), ([50, 1, 1], [[0], [1, 2]]), ([10], [[0]])],
)
def test_groups_reach_the_target_and_no_further(sizes: list[int], groups: list[list[int]]) -> None:
    named = [(str(n), size) for n, size in enumerate(sizes)]
    assert list(batched_by_size(named, 10)) == [[str(n) for n in group] for group in groups]
