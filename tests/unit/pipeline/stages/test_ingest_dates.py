"""A recording is on one date in every table, whatever its date comes from and whatever the scope of a run is."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from ser_core.data.storage import FolderStorage
from ser_core.data.tables.moved import former_dates
from ser_core.data.tables.schemas import CHANNELS, DATES, QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.stages import ingest as ingest_module
from ser_core.pipeline.state.moves import moved_dates, unfinished_moves
from tests.support.archives import SmallArchive
from tests.support.pipeline import PATTERN, file_marks, same_rows
from tests.support.tables import StopError, Stopping

SUNDAY, MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 3, day) for day in (1, 2, 3, 4))
DATED = {"archive": {"pattern": PATTERN}}
ZONED = {"archive": {"pattern": "{call_id}_{started_at:%Y%m%dT%H%M%z}.wav", "timezone": "UTC"}}
BERLIN = {"archive": {"timezone": "Europe/Berlin"}}


def unchanged(root: Path) -> dict[str, int]:
    """Files of the tables, but for those of the run itself."""
    marks = file_marks(root / "tables")
    return {name: at for name, at in marks.items() if not name.startswith(("runs/", "_lease/", "_state/lease"))}


def by_path(root: Path) -> tuple[SmallArchive, Callable[[], dict[str, Any]]]:
    """A time zone moves the first call, whose path has a time with its zone, to the next day."""
    archive = SmallArchive(root, ZONED)
    archive.put("moves_20260302T2330+0000.wav", MONDAY)
    archive.put("stays_20260302T0930+0000.wav", MONDAY)
    return archive, lambda: BERLIN


def by_metadata(root: Path) -> tuple[SmallArchive, Callable[[], dict[str, Any]]]:
    """The metadata is corrected."""
    archive = SmallArchive(root, {"archive": {"pattern": "{call_id}.wav", "metadata": str(root / "calls.csv")}})
    for call in ("moves", "stays"):
        archive.put(f"{call}.wav", WEDNESDAY)
    rows = {call: {"call_id": call, "call_date": "2026-03-02"} for call in ("moves", "stays")}
    archive.metadata(*rows.values())

    def change() -> dict[str, Any]:
        archive.metadata({"call_id": "moves", "call_date": "2026-03-03"}, rows["stays"])
        return {}

    return archive, change


def by_object_time(root: Path) -> tuple[SmallArchive, Callable[[], dict[str, Any]]]:
    """The object is written again, with what it had."""
    archive = SmallArchive(root, {"archive": {"pattern": "{call_id}.wav"}})
    for call in ("moves", "stays"):
        archive.put(f"{call}.wav", MONDAY)

    def change() -> dict[str, Any]:
        archive.put("moves.wav", TUESDAY)
        return {}

    return archive, change


def by_pattern(root: Path) -> tuple[SmallArchive, Callable[[], dict[str, Any]]]:
    """A wrong pattern is mended. Until then, a recording is of the day that its object was written."""
    archive = SmallArchive(root, {"archive": {"pattern": "{call_date:%Y/%m/%d}/{call_id}-{agent_id}.wav"}})
    archive.put("2026/03/03/moves_a.wav", MONDAY)
    archive.put("2026/03/02/stays_a.wav", MONDAY)
    return archive, lambda: DATED


SOURCES = {"path": by_path, "metadata": by_metadata, "object_time": by_object_time, "pattern": by_pattern}
CHANGED = [pytest.param(source, id=name) for name, source in SOURCES.items()]
KEPT = [pytest.param(source, id=name) for name, source in SOURCES.items() if name != "object_time"]  # same version

Source = Callable[[Path], tuple[SmallArchive, Callable[[], dict[str, Any]]]]


def call_of(key: str) -> str:
    return key.rpartition("/")[2].partition("_")[0].partition(".")[0]


def dates_of(archive: SmallArchive) -> dict[str, dt.date]:
    return {call_of(key): date for key, date in archive.dates().items()}


@pytest.mark.parametrize("source", CHANGED)
@pytest.mark.parametrize("scope", [(), (MONDAY,), (TUESDAY,)], ids=["full", "old", "new"])
def test_a_corrected_date_moves_the_recording(tmp_path: Path, source: Source, scope: tuple[dt.date, ...]) -> None:
    archive, change = source(tmp_path)
    archive.ingest()
    assert dates_of(archive) == {"moves": MONDAY, "stays": MONDAY}
    changes = change()
    assert archive.ingest(*scope, changes=changes)["moved"] == 1
    assert dates_of(archive) == {"moves": TUESDAY, "stays": MONDAY}
    assert set(moved_dates(archive.store)) == {MONDAY, TUESDAY}  # both are scored, whatever the scope is then
    assert unfinished_moves(archive.store) == set()
    open_dates = {row["call_date"] for row in archive.rows(DATES) if row["open"]}
    assert open_dates == {MONDAY, TUESDAY}
    before = unchanged(tmp_path)
    assert "moved" not in archive.ingest(*scope, changes=changes)
    assert unchanged(tmp_path) == before


@pytest.mark.parametrize("source", KEPT)
def test_what_has_been_extracted_moves_along(tmp_path: Path, source: Source) -> None:
    archive, change = source(tmp_path)
    archive.ingest()
    archive.extract()
    archive.ingest(changes=(changes := change()))
    archive.changes = {**archive.changes, "archive": {**archive.changes["archive"], **changes.get("archive", {})}}
    assert {call_of(key): place for key, place in archive.extracted().items()} == {
        "moves": (TUESDAY, 4),
        "stays": (MONDAY, 4),
    }
    assert archive.to_extract() == set()
    (moved,) = {row["recording_id"] for row in archive.rows(CHANNELS) if row["call_date"] == TUESDAY}
    assert former_dates(archive.store, TUESDAY, [moved]) == {MONDAY}


@pytest.mark.parametrize("source", KEPT[:2])
def test_a_refusal_moves_along_and_is_not_tried_again(tmp_path: Path, source: Source) -> None:
    archive, change = source(tmp_path)
    archive.ingest()
    key = next(key for key in archive.recordings() if key.startswith("moves"))
    archive.refuse(key, "not_audio")
    archive.ingest(changes=(changes := change()))
    archive.changes = {**archive.changes, "archive": {**archive.changes["archive"], **changes.get("archive", {})}}
    assert [row["call_date"] for row in archive.rows(QUARANTINE)] == [MONDAY, TUESDAY]
    assert {call_of(key) for key in archive.to_extract()} == {"stays"}


@pytest.mark.parametrize("source", KEPT)
def test_a_run_killed_at_any_step_is_ended_by_the_next(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, change = source(tmp_path / "work")
    archive.put("other.wav", MONDAY)  # of no place in two of the patterns
    archive.ingest()
    archive.extract()
    changes = change()
    shutil.copytree(tmp_path / "work", tmp_path / "before")
    steps = _killed(archive, None, changes, monkeypatch)
    expected = TableStore(FolderStorage(tmp_path / "expected"))
    shutil.copytree(archive.root / "tables", tmp_path / "expected")
    assert steps > 10
    for step in range(steps):
        shutil.rmtree(archive.root / "tables")
        shutil.copytree(tmp_path / "before" / "tables", archive.root / "tables")
        _killed(archive, step, changes, monkeypatch)
        next_night = (WEDNESDAY,) if step % 2 else ()  # a scope that has neither date
        archive.ingest(*next_night, changes=changes)
        if step % 2 and dates_of(archive)["moves"] == MONDAY:  # it had not begun
            archive.ingest(changes=changes)
        same_rows(archive.store, expected, RECORDINGS)
        assert {call_of(key): date for key, (date, _) in archive.extracted().items()}.items() >= {
            "moves": TUESDAY, "stays": MONDAY,
        }.items(), step  # fmt: skip
        assert unfinished_moves(archive.store) == set()
        open_dates = {row["call_date"] for row in archive.rows(DATES) if row["open"]}
        assert {MONDAY, TUESDAY} <= open_dates
        assert set(moved_dates(archive.store)) >= {MONDAY, TUESDAY}


def _killed(archive: SmallArchive, step: int | None, changes: dict[str, Any], patch: pytest.MonkeyPatch) -> int:
    """Runs ingest on a storage that stops at a step; the number of steps."""
    storage = Stopping(archive.root / "tables", step)
    with patch.context() as patched:
        patched.setattr(ingest_module, "open_storage", lambda *_: storage)
        if step is None:
            archive.ingest(changes=changes)
        else:
            with pytest.raises(StopError):
                archive.ingest(changes=changes)
    return storage.changes


def test_recordings_that_change_places_are_never_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each date loses a recording and gets one. What the metadata once said is known from `recordings` only."""
    archive = SmallArchive(tmp_path / "work", {"archive": {"pattern": "{call_id}.wav"}})
    calls = ("c1", "c2", "c3")
    uri = archive.metadata(*({"call_id": call, "queue": f"of-{call}"} for call in calls))
    days = dict(zip(calls, (MONDAY, TUESDAY, WEDNESDAY), strict=True))
    for call, day in days.items():
        archive.put(f"{call}.wav", day)
    archive.ingest(changes={"archive": {"metadata": uri}})
    archive.metadata({"call_id": "another", "queue": "x"})
    moved = dict(zip(calls, (TUESDAY, WEDNESDAY, MONDAY), strict=True))
    for call, day in moved.items():
        archive.put(f"{call}.wav", day)
    changes = {"archive": {"metadata": uri}}
    shutil.copytree(tmp_path / "work", tmp_path / "before")
    for step in range(_killed(archive, None, changes, monkeypatch) + 1):
        shutil.rmtree(archive.root / "tables")
        shutil.copytree(tmp_path / "before" / "tables", archive.root / "tables")
        with pytest.MonkeyPatch.context() as patch:
            storage = Stopping(archive.root / "tables", step)
            patch.setattr(ingest_module, "open_storage", lambda *_, storage=storage: storage)
            with suppress(StopError):
                archive.ingest(changes=changes)
        archive.ingest(changes=changes)
        rows = archive.recordings()
        assert {call: rows[f"{call}.wav"]["call_date"] for call in calls} == moved, step
        assert {call: rows[f"{call}.wav"]["queue"] for call in calls} == {call: f"of-{call}" for call in calls}, step


@pytest.mark.parametrize("source", CHANGED)
def test_the_order_of_the_runs_does_not_matter(tmp_path: Path, source: Source) -> None:
    every = (SUNDAY, MONDAY, TUESDAY)
    for number, order in enumerate([*permutations(every), ()]):
        archive, change = source(tmp_path / str(number))
        archive.ingest(*order)
        changes = change()
        for date in order:
            archive.ingest(date, changes=changes)
        if not order:
            archive.ingest(changes=changes)
            expected = dates_of(archive)
    for number, _ in enumerate(permutations(every)):
        archive = SmallArchive(tmp_path / str(number))
        assert dates_of(archive) == expected == {"moves": TUESDAY, "stays": MONDAY}


def test_ids_that_recur_on_another_day_are_other_calls(tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path, DATED)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        archive.put(f"{day:%Y/%m/%d}/c1_a.wav", day)
    archive.put("2026/03/03/c1_b.wav", WEDNESDAY)
    archive.ingest()
    rows = archive.recordings()
    assert {key for key, row in rows.items() if row["duplicate_of"]} == {"2026/03/03/c1_a.wav"}
    assert archive.to_extract() == {"2026/03/02/c1_a.wav", "2026/03/03/c1_b.wav", "2026/03/04/c1_a.wav"}


def test_a_file_without_a_place_is_missed_only_where_it_was_looked_for(tmp_path: Path) -> None:
    """A run of one date lists that date's folder. A file elsewhere that is of this date by its time is not gone."""
    archive = SmallArchive(tmp_path, {**DATED, "retention": {"max_gone_share": 1.0}})
    archive.put("2026/03/02/c1_a.wav", MONDAY)
    archive.put("2026/03/02/c2_a.wav", MONDAY)
    archive.put("inbox/odd.wav", MONDAY)
    archive.put("2026/03/02/odd.wav", MONDAY)
    archive.ingest()
    before = unchanged(tmp_path)
    archive.ingest(MONDAY)
    assert unchanged(tmp_path) == before
    for key in ("2026/03/02/odd.wav", "inbox/odd.wav", "2026/03/02/c2_a.wav"):
        archive.delete(key)
    archive.ingest(MONDAY)
    gone = {key for key, row in archive.recordings().items() if row["gone_at"]}
    assert gone == {"2026/03/02/odd.wav", "2026/03/02/c2_a.wav"}
    archive.ingest()
    assert archive.recordings()["inbox/odd.wav"]["gone_at"]


def test_a_changed_pattern_lists_every_date_whatever_the_scope_is(tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path, {"archive": {"pattern": "{call_date:%Y/%m/%d}/{call_id}-{agent_id}.wav"}})
    for day in (MONDAY, TUESDAY):
        archive.put(f"{day:%Y/%m/%d}/c_a.wav", WEDNESDAY)
    assert archive.ingest()["refused_now"] == 2
    assert set(archive.dates().values()) == {WEDNESDAY}
    assert archive.to_extract() == set()
    archive.changes = DATED
    assert archive.ingest(SUNDAY)["refused_now"] == 0
    assert set(archive.dates().values()) == {MONDAY, TUESDAY}
    assert len(archive.to_extract()) == 2
    assert {row["call_date"] for row in archive.rows(DATES) if row["open"]} == {MONDAY, TUESDAY, WEDNESDAY}


def test_a_recording_killed_while_it_changed_buckets_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another call_id may bring a recording into another bucket of the same date."""
    archive = SmallArchive(tmp_path / "work", {"archive": {"pattern": "{call_date:%Y/%m/%d}/{call_id}.wav"}})
    for number in range(6):
        archive.put(f"2026/03/02/c{number}_a{number % 2}.wav", MONDAY)
    archive.ingest()
    shutil.copytree(tmp_path / "work", tmp_path / "before")
    for step in range(_killed(archive, None, DATED, monkeypatch)):
        shutil.rmtree(archive.root / "tables")
        shutil.copytree(tmp_path / "before" / "tables", archive.root / "tables")
        _killed(archive, step, DATED, monkeypatch)
        archive.ingest(changes=DATED)
        assert {row["call_id"] for row in archive.recordings().values()} == {f"c{n}" for n in range(6)}
