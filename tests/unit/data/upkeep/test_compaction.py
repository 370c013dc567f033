"""Log tables of a date in few files: the same for every reader, wherever the run is stopped."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pytest

from ser_core.config import load_settings
from ser_core.config.privacy_settings import MaintainSettings
from ser_core.data.storage import open_storage
from ser_core.data.tables.moved import note_move
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore, log_key
from ser_core.data.upkeep import compaction
from ser_core.data.upkeep.compaction import Compaction
from ser_core.errors import SerError
from ser_core.pipeline.stages.score_plan import ScorePlan
from ser_core.pipeline.state.date_state import DateRules
from tests.support.s3 import storage_settings
from tests.support.tables import (
    MONDAY,
    SET,
    TUESDAY,
    StopError,
    Stopping,
    at,
    counted,
    derived,
    extraction,
    fill,
    opened,
    recording,
    refusal,
    run_id,
    taken,
)

SETTINGS = MaintainSettings(target_mb=1.0, quarantine_days=30)
LOGS = (CHANNELS, FEATURES, QUARANTINE)
NOW = at(12)
OTHER_SET = "functionals-3@8k:def"
Counts = dict[str, tuple[int, int, int]]


def messy(store: TableStore) -> None:
    """On Monday: a superseded version, an extraction that occurs twice, vectors of a killed run, and a recording that
    has moved to Tuesday. On Tuesday: old refusals."""
    fill(store)
    derived(store, RECORDINGS, [recording("r1", "c1", MONDAY, "v2"), recording("r2", "c2", MONDAY)], [MONDAY])
    extraction(store, run_id(5), 0, [("r1", "v2", "c1", MONDAY)])  # r1 was uploaded again
    extraction(store, run_id(6), 0, [("r2", "v1", "c2", MONDAY)])  # r2 was extracted again
    extraction(store, run_id(7), 0, [("r2", "v1", "c2", MONDAY)], OTHER_SET)
    extraction(store, run_id(8), 0, [("r1", "v2", "c1", MONDAY)])
    store.storage.delete(log_key(CHANNELS, run_id(8), 0, call_date=MONDAY))
    extraction(store, run_id(3), 9, [("r3", "v1", "c3", MONDAY)])
    note_move(store, run_id(9), TUESDAY, MONDAY, pa.array(["r3"]))
    for day in (50, 40):
        seen_at = NOW - dt.timedelta(days=day)
        run = f"20260101T00{day}00-aaaaaa"
        refusal(store, run, 0, "r4", TUESDAY, reason="missing", attempt=1, seen_at=seen_at)


def compact(
    store: TableStore, date: dt.date = MONDAY, keep: frozenset[str] | None = None, settings: MaintainSettings = SETTINGS
) -> Counts:
    done = Compaction(store, settings, NOW, keep)(date).to_pylist()
    assert {row["call_date"] for row in done} <= {date}
    return {row["table"]: (row["files_before"], row["files_after"], row["rows_dropped"]) for row in done}


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(Stopping(tmp_path / "tables"))


def rows_of(store: TableStore, table: object) -> list[dict[str, object]]:
    return [row for key in store.files(table) for row in store.read(key).to_pylist()]  # type: ignore[arg-type]


def test_readers_take_the_same_from_fewer_files(store: TableStore) -> None:
    messy(store)
    before = taken(store)
    # channels: of the two sets one file each; dropped are v1 of r1, the first r2, and r3, which is on Tuesday
    assert compact(store) == {"channels": (6, 2, 6), "features": (7, 2, 16)}
    after = taken(store)
    assert {place: before[place] for place in after} == after
    assert set(before) - set(after) == {("r1", "v1")}  # its version is not the recording's any more
    newest = {key.rpartition("/")[2] for key, _, _ in counted(store).values() if "03-02" in key}
    assert len(newest) == 1


def test_old_refusals_leave_where_a_later_one_stays(store: TableStore) -> None:
    messy(store)
    assert compact(store, TUESDAY) == {"quarantine": (3, 1, 1)}
    kept = rows_of(store, QUARANTINE)
    assert sorted(str(row["reason"]) for row in kept) == ["missing", "not_audio"]  # the last of each
    assert [row["seen_at"] for row in kept if row["reason"] == "missing"] == [NOW - dt.timedelta(days=40)]


def test_old_refusals_of_an_earlier_version_leave(store: TableStore) -> None:
    fill(store)
    old = {"seen_at": NOW - dt.timedelta(days=50)}
    refusal(store, "20260101T000000-aaaaaa", 0, "r3", TUESDAY, **old)
    refusal(store, "20260101T000000-aaaaaa", 1, "r3", TUESDAY, version="v0", **old)
    assert compact(store, TUESDAY) == {"quarantine": (3, 1, 1)}
    kept = {(row["recording_id"], row["version"]) for row in rows_of(store, QUARANTINE)}
    assert kept == {("r3", "v1"), ("r4", "v1")}


def test_young_refusals_stay(store: TableStore) -> None:
    fill(store)
    for hour in (5, 6):
        refusal(store, run_id(hour), 0, "r4", TUESDAY, seen_at=at(hour))
    assert compact(store, TUESDAY) == {"quarantine": (3, 1, 0)}


def test_twice_is_once(store: TableStore) -> None:
    messy(store)
    for date in (MONDAY, TUESDAY):
        compact(store, date)
    assert isinstance(store.storage, Stopping)
    changes = store.storage.changes
    assert compact(store, MONDAY) == compact(store, TUESDAY) == {}
    assert store.storage.changes == changes


def test_no_date_becomes_stale(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was scored is known by values, not by files."""
    messy(store)
    settings = load_settings(environ={})
    plan = ScorePlan(store, DateRules.of(settings, SET), settings)
    names = ("talk_inputs", "score_inputs", "segments", "recordings", "unfinished")
    before = {date: plan(date).select(names) for date in (MONDAY, TUESDAY)}
    assert before[MONDAY]["score_inputs"][0].as_py()
    for date in before:
        compact(store, date)
    assert {date: plan(date).select(names) for date in before} == before


def test_one_date_is_read_and_no_other(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    messy(store)
    seen = opened(store.storage, monkeypatch)
    compact(store)
    assert all("call_date=2026-03-02" in key for key in seen)


def test_what_is_joined_once_is_not_read_again(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    messy(store)
    compact(store)
    seen = opened(store.storage, monkeypatch)
    compact(store)
    assert not any(key.startswith("features/") for key in seen)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_wherever_it_stops(tmp_path: Path) -> None:
    whole = TableStore(Stopping(tmp_path / "whole"))
    messy(whole)
    begun = whole.storage.changes  # type: ignore[attr-defined]
    before = taken(whole)
    compact(whole)
    steps = whole.storage.changes - begun  # type: ignore[attr-defined]
    assert steps > 10
    expected = {table.name: _plain(rows_of(whole, table)) for table in LOGS}
    for step in range(steps):
        store = TableStore(Stopping(tmp_path / str(step)))
        messy(store)
        storage = store.storage
        assert isinstance(storage, Stopping)
        storage.stop_at = storage.changes + step
        with pytest.raises(StopError):
            compact(store)
        after = taken(store)
        assert set(before) - set(after) <= {("r1", "v1")}
        assert all(before[place] == count for place, count in after.items())
        storage.stop_at = None
        compact(store)
        assert {table.name: _plain(rows_of(store, table)) for table in LOGS} == expected, f"stopped at {step}"


def _plain(rows: list[dict[str, object]]) -> list[str]:
    return sorted(str(row) for row in rows)


def test_other_feature_sets_leave_on_request(store: TableStore) -> None:
    messy(store)
    compact(store, keep=frozenset({SET}))
    assert taken(store, OTHER_SET) == {}
    assert {row["feature_set"] for row in rows_of(store, FEATURES)} == {SET}


def test_recordings_without_speech_have_no_vectors_and_stay(store: TableStore) -> None:
    fill(store)
    for key in store.files(FEATURES):
        store.storage.delete(key)
    before = taken(store)
    assert compact(store) == {"channels": (2, 1, 0)}
    assert taken(store) == before
    assert store.files(FEATURES) == []


def test_some_recordings_without_speech(store: TableStore) -> None:
    fill(store)
    store.storage.delete(store.files_of(FEATURES, call_date=MONDAY)[0])
    before = taken(store)
    assert compact(store) == {"channels": (2, 1, 0)}  # one file of vectors is one file still
    assert taken(store) == before
    assert [key.rpartition("/")[2] for key in store.files_of(FEATURES, call_date=MONDAY)] == [
        key.rpartition("/")[2] for key in store.files_of(CHANNELS, call_date=MONDAY)
    ]


def test_large_files_are_left_as_they_are(store: TableStore) -> None:
    fill(store)
    before = store.files(CHANNELS)
    assert compact(store, settings=MaintainSettings(target_mb=0.0001, quarantine_days=30)) == {}
    assert store.files(CHANNELS) == before


def test_files_grow_to_the_target_and_no_further(store: TableStore) -> None:
    fill(store)
    for task in range(4):
        extraction(store, run_id(5), task, [(f"x{task}", "v1", f"x{task}", MONDAY)])
    tuesday = [recording(f"x{task}", f"x{task}", MONDAY) for task in range(4)]
    derived(store, RECORDINGS, [recording("r1", "c1", MONDAY), recording("r2", "c2", MONDAY), *tuesday], [MONDAY])
    pair = sum(info.size_bytes for table in (CHANNELS, FEATURES) for info in _first(store, table.name))
    before = taken(store)
    target = MaintainSettings(target_mb=2.5 * pair / 1e6, quarantine_days=30)
    assert compact(store, settings=target)["channels"] == (6, 3, 0)
    assert taken(store) == before


def _first(store: TableStore, table: str) -> list[object]:
    return list(store.storage.list(f"{table}/call_date={MONDAY}/"))[:1]


def test_a_date_without_recordings_is_left_alone(store: TableStore) -> None:
    messy(store)
    for key in store.files_of(RECORDINGS, call_date=MONDAY):
        store.storage.delete(key)
    before = store.files(CHANNELS)
    assert compact(store) == {}
    assert store.files(CHANNELS) == before


def test_few_files_are_not_worth_a_look(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    work = Compaction(store, SETTINGS, NOW)
    seen = opened(store.storage, monkeypatch)
    assert not work.is_worth(MONDAY)
    for task in range(4):
        extraction(store, run_id(5), task, [("r1", "v1", "c1", MONDAY)])
    assert work.is_worth(MONDAY)
    assert seen == []
    compact(store)
    assert not work.is_worth(MONDAY)


def test_many_refusals_are_worth_a_look(store: TableStore) -> None:
    fill(store)
    for task in range(5):
        refusal(store, run_id(5), task, "r4", TUESDAY)
    assert Compaction(store, SETTINGS, NOW).is_worth(TUESDAY)


def test_a_compacted_file_is_newer_than_every_other(store: TableStore) -> None:
    """Also where names are such that one begins like another."""
    fill(store)
    for name in (run_id(3), f"{run_id(3)}-from-2026-03-01"):
        for task, attempt in ((0, 1), (0, 17)):
            key = log_key(CHANNELS, name, task, attempt, call_date=MONDAY)
            store.write(key, store.read(store.files_of(CHANNELS, call_date=MONDAY)[0]))
    names = [key.rpartition("/")[2] for key in store.files_of(CHANNELS, call_date=MONDAY)]
    compact(store)
    (after,) = store.files_of(CHANNELS, call_date=MONDAY)
    assert after.rpartition("/")[2] > max(names)


def test_on_s3(s3_server: str, s3_bucket: str) -> None:
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", storage_settings(s3_server)))
    messy(store)
    before = taken(store)
    assert compact(store)["features"] == (7, 2, 16)
    assert {place: before[place] for place in taken(store)} == taken(store)


def dealt(store: TableStore, files: int, seed: int) -> list[str]:
    """A date whose 23 recordings are in so many files, in any order of tasks and attempts; their ids."""
    rng = random.Random(seed)
    ids = [f"r{number:02d}" for number in range(23)]
    derived(store, RECORDINGS, [recording(name, f"c{name}", MONDAY) for name in ids], [MONDAY])
    rng.shuffle(ids)
    for task in range(files):
        extraction(
            store,
            f"{run_id(5)}-{rng.randrange(8, 40)}",
            task,
            [(name, "v1", f"c{name}", MONDAY) for name in ids[task::files]],
        )
    return sorted(ids)


def rows_on_monday(store: TableStore) -> list[int]:
    """Rows of both tables on Monday."""
    return [
        sum(len(store.read(key)) for key in store.files_of(table, call_date=MONDAY)) for table in (CHANNELS, FEATURES)
    ]


@pytest.mark.parametrize("seed", range(25))
def test_every_recording_of_many_files_is_kept(tmp_path: Path, seed: int) -> None:
    store = TableStore(open_storage(str(tmp_path), storage_settings("")))
    ids = dealt(store, 5 + seed % 11, seed)
    before = rows_on_monday(store)
    Compaction(store, SETTINGS, NOW)(MONDAY)
    (key,) = store.files_of(CHANNELS, call_date=MONDAY)
    assert rows_on_monday(store) == before
    assert sorted(set(store.read(key)["recording_id"].to_pylist())) == ids


def test_nothing_is_deleted_where_rows_are_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TableStore(open_storage(str(tmp_path), storage_settings("")))
    dealt(store, 5, 0)
    before = store.files_of(CHANNELS, call_date=MONDAY)
    monkeypatch.setattr(compaction, "rewrite", lambda *_: 0)
    with pytest.raises(SerError, match="has 0 rows; expected"):
        Compaction(store, SETTINGS, NOW)(MONDAY)
    assert store.files_of(CHANNELS, call_date=MONDAY) == before
