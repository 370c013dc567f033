"""Whole dates leave: every file, what is kept of them, and what names them elsewhere."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from ser_core.data.storage import open_storage
from ser_core.data.tables.moved import note_move
from ser_core.data.tables.schemas import CALL_EMOTIONS, CHANNELS, RECORDINGS, RUNS
from ser_core.data.tables.store import TableStore, rows
from ser_core.data.upkeep.call_rows import Calls
from ser_core.data.upkeep.drop_dates import Dropped, dates_before, drop_dates
from ser_core.data.upkeep.run_texts import erase_old_texts
from ser_core.data.upkeep.tombstones import keep_from, kept_from
from ser_core.errors import SerError
from ser_core.pipeline.state.inputs import Inputs
from tests.support.s3 import storage_settings
from tests.support.tables import MODEL, MONDAY, TUESDAY, StopError, Stopping, at, extraction, fill, run_id, run_key

WEDNESDAY = dt.date(2026, 3, 4)
PROFILE = "_state/profiles/emotions%2F1/{}.json"


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TableStore:
    if request.param == "folder":
        tables = TableStore(Stopping(tmp_path / "tables"))
    else:
        settings = storage_settings(request.getfixturevalue("s3_server"))
        tables = TableStore(open_storage(f"s3://{request.getfixturevalue('s3_bucket')}/tables", settings))
    filled(tables)
    return tables


def filled(store: TableStore) -> None:
    fill(store)
    inputs = Inputs(store, CALL_EMOTIONS, {"model_version": MODEL}, "settings")
    inputs.keep({MONDAY: "a", TUESDAY: "b"})
    for date in (MONDAY, TUESDAY):
        store.put(PROFILE.format(date), b"{}")
        store.put(f"_state/moves/{date}", b"mark")
    note_move(store, run_id(5), MONDAY, dt.date(2026, 2, 1), pa.array(["r1"]))


def drop(store: TableStore, before: dt.date) -> tuple[Dropped, dict[dt.date, Calls]]:
    elsewhere: dict[dt.date, Calls] = {}
    done = drop_dates(
        store, dates_before(store, before, [MONDAY, TUESDAY]), {"r2"}, {"/archive/c1.wav"}, elsewhere.__setitem__
    )
    return done, elsewhere


def test_nothing_of_a_date_is_left(store: TableStore) -> None:
    done, elsewhere = drop(store, TUESDAY)
    assert (done.dates, done.recordings) == ([MONDAY], 2)
    keys = [info.key for info in store.storage.list()]
    assert not any("2026-03-02" in key for key in keys)
    assert elsewhere[MONDAY].recording_ids == {"r2"}
    assert elsewhere[MONDAY].uris == {"/archive/c1.wav"}


def test_other_dates_stay_as_they_are(store: TableStore) -> None:
    before = {info.key: store.storage.read(info.key) for info in store.storage.list()}
    drop(store, TUESDAY)
    after = {info.key: store.storage.read(info.key) for info in store.storage.list()}
    assert after == {key: data for key, data in before.items() if "2026-03-02" not in key}
    if isinstance(store.storage, Stopping):
        assert store.partitions(CHANNELS) == [{"call_date": "2026-03-03"}]  # no empty folder is left
    again, _ = drop(store, TUESDAY)
    assert again == Dropped()


def test_every_date_before_is_seen_that_any_table_has(store: TableStore) -> None:
    early = dt.date(2026, 1, 1)
    extraction(store, run_id(5), 0, [("r9", "v1", "c9", early)])  # there since a recording moved away from it
    assert dates_before(store, WEDNESDAY, [dt.date(2026, 2, 2)]) == [early, dt.date(2026, 2, 2), MONDAY, TUESDAY]
    assert dates_before(store, MONDAY, []) == [early]


def test_stopped_anywhere_it_is_done_by_running_it_again(tmp_path: Path) -> None:
    def without_monday(store: TableStore) -> bool:
        return not any("2026-03-02" in info.key for info in store.storage.list())

    step = 0
    while True:
        store = TableStore(Stopping(tmp_path / str(step)))
        filled(store)
        storage = store.storage
        assert isinstance(storage, Stopping)
        storage.stop_at = storage.changes + step
        try:
            drop(store, TUESDAY)
        except StopError:
            storage.stop_at = None
            assert any(part == {"call_date": "2026-03-02"} for part in store.partitions(RECORDINGS))
            drop(store, TUESDAY)
            assert without_monday(store)
            step += 3
            continue
        assert without_monday(store)
        break
    assert step > 10


def test_a_file_that_stays_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TableStore(Stopping(tmp_path))
    filled(store)
    monkeypatch.setattr(store, "delete", lambda key: None)
    with pytest.raises(SerError, match="files of 2026-03-02 are left"):
        drop(store, TUESDAY)


def test_the_first_date_that_is_kept_only_grows(store: TableStore) -> None:
    assert kept_from(store) is None
    for first, kept in ((TUESDAY, TUESDAY), (MONDAY, TUESDAY), (WEDNESDAY, WEDNESDAY)):
        keep_from(store, first)
        assert kept_from(store) == kept


def test_old_runs_say_no_more_than_the_kind_of_their_fault(tmp_path: Path) -> None:
    store = TableStore(Stopping(tmp_path))
    for hour, status, detail in (
        (2, "failed", "StorageError: /archive/c2.wav is damaged"),
        (3, "done", "leftovers 3: x"),
    ):
        run = {"run_id": run_id(hour), "started_at": at(hour), "status": status, "detail": detail}
        store.write(run_key(run_id(hour)), rows(RUNS.schema, [run]))
    assert erase_old_texts(store, WEDNESDAY) == 0
    assert erase_old_texts(store, dt.date(2026, 3, 5)) == 1
    texts = {row["detail"] for key in store.files(RUNS) for row in store.read(key).to_pylist()}
    assert texts == {"StorageError: [erased]", "leftovers 3: x"}
