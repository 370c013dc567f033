"""One call through all tables, in order of time."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import Storage, open_storage
from ser_core.data.tables.moved import note_move
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.joined_runs import join_runs
from ser_core.data.upkeep.trace import summarised, trace
from tests.support.s3 import storage_settings
from tests.support.tables import (
    MODEL,
    MONDAY,
    SET,
    TUESDAY,
    Stopping,
    at,
    derived,
    extraction,
    fill,
    opened,
    recording,
    run_id,
)

MANIFEST = {
    "created_at": at(0).isoformat(),
    "feature_set": {"id": SET},
    "label_scheme": {"name": "corpus"},
    "training": {"corpus": "ravdess"},
}


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    tables = TableStore(Stopping(tmp_path / "tables"))
    fill(tables)
    return tables


@pytest.fixture
def models(tmp_path: Path) -> Storage:
    storage = open_storage(str(tmp_path / "models"), storage_settings())
    storage.put(f"{MODEL}/manifest.json", json.dumps(MANIFEST).encode())
    return storage


def test_every_row_of_a_call_stands_in_order_of_time(store: TableStore, models: Storage) -> None:
    events = trace(store, models, "c1", None, None)
    times = [event.at for event in events if event.at is not None]
    assert times == sorted(times)
    assert [event.table for event in events] == [
        "models", "recordings", "runs", "channels", "channels", "features", "features", "features", "features", "runs",
        "segment_emotions", "segment_emotions", "call_emotions", "call_talk", "runs",
    ]  # fmt: skip
    assert {event.row.get("recording_id") for event in events} <= {None, "r1"}
    assert {event.row.get("call_id") for event in events} <= {None, "c1"}
    assert [event.row["job"] for event in events if event.table == "runs"] == ["ingest", "extract", "score"]
    assert not any("vector" in event.row for event in events)


def test_versions_refusals_and_what_is_gone_are_there(store: TableStore, models: Storage) -> None:
    gone = recording("r1", "c1", MONDAY, "v2", gone_at=at(9))
    derived(store, RECORDINGS, [gone, recording("r2", "c2", MONDAY)], [MONDAY])
    extraction(store, run_id(5), 0, [("r1", "v2", "c1", MONDAY)])
    events = trace(store, models, "c1", None, None)
    assert {event.row["version"] for event in events if event.table == "channels"} == {"v1", "v2"}
    assert [event.at for event in events if event.table == "recordings"] == [at(1), at(9)]
    (refusal,) = (event for event in trace(store, models, "c4", None, None) if event.table == "quarantine")
    assert (refusal.at, refusal.row["reason"]) == (at(3), "not_audio")


def test_a_person_reads_one_line_for_many_segments(store: TableStore, models: Storage) -> None:
    lines = summarised(trace(store, models, "c2", None, None))
    (segments,) = (line for line in lines if line["table"] == "segment_emotions")
    assert segments["what"].startswith("2 rows, model_version emotions/1")
    assert [line["table"] for line in lines].count("features") == 2  # a channel each
    assert lines[-1] == {"at": "–", "table": "labels", "run": "–", "what": "emotion sad, annotator x, corpus own"}


def test_a_hashed_call_is_found_by_its_name_in_the_archive(models: Storage, tmp_path: Path) -> None:
    secret = Pseudonyms(b"a secret of many letters")
    store = TableStore(Stopping(tmp_path / "hashed"))
    derived(store, RECORDINGS, [recording("r1", secret.call("c1"), MONDAY)], [MONDAY])
    assert [event.table for event in trace(store, models, "c1", None, secret)] == ["recordings"]
    assert trace(store, models, "c1", None, None) == []


def test_an_id_that_recurs_is_traced_on_its_date_or_on_all(store: TableStore, models: Storage) -> None:
    tuesday = [recording("r3", "c3", TUESDAY), recording("r4", "c4", TUESDAY), recording("r9", "c1", TUESDAY)]
    derived(store, RECORDINGS, tuesday, [TUESDAY])
    extraction(store, run_id(5), 0, [("r9", "v1", "c1", TUESDAY)])
    for date, ids in ((MONDAY, {"r1"}), (TUESDAY, {"r9"}), (None, {"r1", "r9"})):
        events = trace(store, models, "c1", date, None)
        assert {event.row["recording_id"] for event in events if event.table == "channels"} == ids
        assert {event.row["recording_id"] for event in events if event.table == "recordings"} == ids


def test_with_a_date_no_other_date_is_read(store: TableStore, models: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = opened(store.storage, monkeypatch)
    assert trace(store, models, "c1", MONDAY, None)
    dated = [key for key in seen if "call_date=" in key]
    assert dated
    assert not any("call_date=2026-03-03" in key for key in dated)
    assert trace(store, models, "c1", TUESDAY, None) == []


def test_a_call_that_moved_is_traced_on_both_dates(store: TableStore, models: Storage) -> None:
    note_move(store, run_id(5), TUESDAY, MONDAY, pa.array(["r2"]))
    extraction(store, f"{run_id(5)}-from-{MONDAY}", 0, [("r2", "v1", "c2", TUESDAY)])
    derived(store, RECORDINGS, [recording("r2", "c2", TUESDAY)], [TUESDAY])
    derived(store, RECORDINGS, [recording("r1", "c1", MONDAY)], [MONDAY])
    for date in (MONDAY, TUESDAY, None):
        events = trace(store, models, "c2", date, None)
        assert {event.row["call_date"] for event in events if event.table == "channels"} == {MONDAY, TUESDAY}


def test_runs_whose_month_is_joined_are_named(store: TableStore, models: Storage) -> None:
    expected = trace(store, models, "c1", MONDAY, None)
    assert join_runs(store, "2026-03") == (3, 1)
    assert trace(store, models, "c1", MONDAY, None) == expected


def test_a_model_that_is_gone_is_named(store: TableStore, tmp_path: Path) -> None:
    events = trace(store, open_storage(str(tmp_path / "none"), storage_settings()), "c1", None, None)
    (model,) = (event for event in events if event.table == "models")
    assert (model.at, model.row["model_version"]) == (None, MODEL)
