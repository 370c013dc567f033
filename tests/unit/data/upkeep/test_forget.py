"""Calls that are forgotten: in no table, by no name, and not to come back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from pathlib import Path

import pytest

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import open_storage
from ser_core.data.tables.moved import note_move
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    FEATURES,
    LABELS,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
)
from ser_core.data.tables.store import TableStore, rows
from ser_core.data.tables.table import Table
from ser_core.data.upkeep import forget as module
from ser_core.data.upkeep.call_rows import Calls, find, find_uris, find_where
from ser_core.data.upkeep.date_counts import date_counts
from ser_core.data.upkeep.forget import Forgotten, erase, keep_out, trained_on
from ser_core.data.upkeep.tombstones import check_secret, tombstone_files, tombstones_of
from ser_core.errors import SerError, SettingsError
from tests.support.s3 import storage_settings
from tests.support.tables import (
    MODEL,
    MONDAY,
    TUESDAY,
    StopError,
    Stopping,
    derived,
    everything,
    extraction,
    fill,
    opened,
    recording,
    run_id,
)

SECRET = Pseudonyms(b"a secret of many letters")
TABLES = (RECORDINGS, CHANNELS, FEATURES, QUARANTINE, LABELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)
Counts = dict[dt.date, dict[str, int]]


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    tables = TableStore(Stopping(tmp_path / "tables"))
    fill(tables)
    return tables


def forget(store: TableStore, *calls: str, date: dt.date | None = None, counts: Counts | None = None) -> Forgotten:
    places = find(store, {name for call in calls for name in SECRET.as_kept("call_id", call)}, date)
    keep_out(store, run_id(10), SECRET, places, calls if date is None else ())

    def erased(day: dt.date, of_date: Calls) -> None:
        if counts is not None:
            counts[day] = dict(date_counts(store, day, of_date, MODEL))

    return erase(store, places, erased)


def values(store: TableStore, table: Table, column: str) -> set[str]:
    return {row[column] for key in store.files(table) for row in store.read(key, [column]).to_pylist()}


def count_rows(store: TableStore) -> dict[str, int]:
    return {table.name: sum(len(store.read(key)) for key in store.files(table)) for table in TABLES}


def marks(store: TableStore) -> dict[str, dt.datetime]:
    return {info.key: info.modified_at for info in store.storage.list()}


def tombstones(store: TableStore) -> set[str]:
    return {digest.as_py() for key in tombstone_files(store) for digest in tombstones_of(store, key, SECRET)}


def test_a_call_leaves_every_table_and_the_others_stay(store: TableStore) -> None:
    before = count_rows(store)
    done = forget(store, "c2")
    expected = {
        "channels": 2, "features": 4, "labels": 1, "segment_emotions": 2, "call_emotions": 1, "call_talk": 1,
        "recordings": 1,
    }  # fmt: skip
    assert done.rows == expected
    assert (done.recordings, done.corpora, set(done.left.values()), done.dates) == (1, {"own"}, {0}, {MONDAY})
    assert count_rows(store) == {name: count - expected.get(name, 0) for name, count in before.items()}
    assert values(store, RECORDINGS, "call_id") == {"c1", "c3", "c4"}
    assert values(store, FEATURES, "recording_id") == {"r1", "r3"}


def test_no_byte_names_it_any_more(store: TableStore) -> None:
    note_move(store, run_id(2), MONDAY, TUESDAY, values_array("r2"))
    assert b"/archive/c2.wav" in everything(store.storage)
    done = forget(store, "c2")
    content = everything(store.storage)
    assert all(name not in content for name in (b"/archive/c2.wav", b"'c2'", b"'r2'", b'"c2"', b'"r2"'))
    assert done.texts == 1
    assert values(store, RUNS, "detail") == {None, "StorageError: [erased] and c21 cannot be read"}


def values_array(*names: str) -> object:
    return rows(RECORDINGS.schema, [{"recording_id": name} for name in names])["recording_id"]


def test_with_a_date_no_other_date_is_read(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = opened(store.storage, monkeypatch)
    forget(store, "c2", date=MONDAY)
    dated = {key for key in seen if "call_date=" in key}
    assert dated
    assert all("call_date=2026-03-02" in key for key in dated)


def test_without_a_date_recordings_says_where_it_is(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = opened(store.storage, monkeypatch)
    forget(store, "c2")
    other = {key.partition("/")[0] for key in seen if "call_date=2026-03-03" in key}
    assert other == {"recordings"}


def test_files_without_it_are_not_changed(store: TableStore) -> None:
    before = marks(store)
    forget(store, "c2")
    changed = {key for key, mark in marks(store).items() if before.get(key) != mark}
    assert not any("call_date=2026-03-03" in key for key in changed)
    assert len([key for key in changed if key.startswith("channels/")]) == 1


def test_a_refused_call_leaves_quarantine(store: TableStore) -> None:
    assert forget(store, "c4").rows == {"quarantine": 1, "recordings": 1}


def again_on_tuesday(store: TableStore) -> None:
    """The id c1 recurs on Tuesday, as another call."""
    recurring = [recording("r3", "c3", TUESDAY), recording("r4", "c4", TUESDAY), recording("r9", "c1", TUESDAY)]
    derived(store, RECORDINGS, recurring, [TUESDAY])
    extraction(store, run_id(5), 0, [("r9", "v1", "c1", TUESDAY)])


def test_an_id_that_recurs_is_another_call_on_another_date(store: TableStore) -> None:
    again_on_tuesday(store)
    assert forget(store, "c1", date=MONDAY).dates == {MONDAY}
    assert values(store, RECORDINGS, "recording_id") == {"r2", "r3", "r4", "r9"}
    assert "r9" in values(store, FEATURES, "recording_id")
    hashed = SECRET.call("c1")
    assert SECRET.of_call_on(hashed, MONDAY) in tombstones(store)
    assert not {SECRET.of_call_on(hashed, TUESDAY), SECRET.of_call("c1")} & tombstones(store)


def test_without_a_date_every_date_that_has_the_id_loses_it(store: TableStore) -> None:
    again_on_tuesday(store)
    assert forget(store, "c1").dates == {MONDAY, TUESDAY}
    assert values(store, RECORDINGS, "recording_id") == {"r2", "r3", "r4"}
    assert values(store, FEATURES, "recording_id") == {"r2", "r3"}
    assert SECRET.of_call("c1") in tombstones(store)


@pytest.fixture
def moved(store: TableStore) -> TableStore:
    """r2 has moved from Monday to Tuesday: its old rows are on Monday still."""
    note_move(store, run_id(5), TUESDAY, MONDAY, values_array("r2"))
    extraction(store, f"{run_id(5)}-from-{MONDAY}", 0, [("r2", "v1", "c2", TUESDAY)])
    tuesday = [recording("r3", "c3", TUESDAY), recording("r4", "c4", TUESDAY), recording("r2", "c2", TUESDAY)]
    derived(store, RECORDINGS, tuesday, [TUESDAY])
    derived(store, RECORDINGS, [recording("r1", "c1", MONDAY)], [MONDAY])
    return store


@pytest.mark.parametrize("date", [MONDAY, TUESDAY, None])
def test_a_call_that_moved_leaves_the_date_it_left_too(moved: TableStore, date: dt.date | None) -> None:
    assert forget(moved, "c2", date=date).dates == {MONDAY, TUESDAY}
    content = everything(moved.storage)
    assert b"'r2'" not in content
    assert b"'c2'" not in content
    assert values(moved, RECORDINGS, "call_id") == {"c1", "c3", "c4"}


def test_a_call_that_moved_nowhere_reads_no_other_date(moved: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = opened(moved.storage, monkeypatch)
    forget(moved, "c3", date=TUESDAY)
    assert not any("call_date=2026-03-02" in key for key in seen)


def test_another_call_of_that_id_on_the_former_date_stays(moved: TableStore) -> None:
    derived(moved, RECORDINGS, [recording("r1", "c1", MONDAY), recording("r8", "c2", MONDAY)], [MONDAY])
    forget(moved, "c2", date=TUESDAY)
    assert values(moved, RECORDINGS, "recording_id") == {"r1", "r3", "r4", "r8"}
    assert "c2" in values(moved, CALL_EMOTIONS, "call_id")  # of Monday, where r8 is a call of that id
    assert "r2" not in values(moved, FEATURES, "recording_id")


def customers(store: TableStore) -> None:
    """Two legs of c1: one has the customer's number. c3 is of another customer, c2 of none."""
    legs = [recording("r1", "c1", MONDAY, extra=[("customer", "4711")]), recording("r5", "c1", MONDAY)]
    derived(store, RECORDINGS, [*legs, recording("r2", "c2", MONDAY, agent_id="4711")], [MONDAY])
    other = [recording("r3", "c3", TUESDAY, extra=[("customer", "4712")], queue="sales")]
    derived(store, RECORDINGS, [*other, recording("r4", "c4", TUESDAY)], [TUESDAY])


@pytest.mark.parametrize(
    ("key", "value", "date", "left"),
    [
        ("customer", "4711", None, {"r2", "r3", "r4"}),
        ("customer", "4711", TUESDAY, {"r1", "r2", "r3", "r4", "r5"}),
        ("agent_id", "4711", None, {"r1", "r3", "r4", "r5"}),
        ("queue", "sales", TUESDAY, {"r1", "r2", "r4", "r5"}),
        ("customer", "nobody", None, {"r1", "r2", "r3", "r4", "r5"}),
    ],
)
def test_calls_by_their_metadata(
    store: TableStore, key: str, value: str, date: dt.date | None, left: Collection[str]
) -> None:
    customers(store)
    places = find_where(store, key, SECRET.as_kept(key, value), date)
    erase(store, places, lambda *_: None)
    assert values(store, RECORDINGS, "recording_id") == left
    assert values(store, FEATURES, "recording_id") == {"r1", "r2", "r3"} & set(left)


def test_hidden_metadata_is_found_by_what_the_archive_has(store: TableStore) -> None:
    (_, hidden) = sorted(SECRET.as_kept("customer", "4711"), key=len)
    derived(store, RECORDINGS, [recording("r1", "c1", MONDAY, extra=[("customer", hidden)])], [MONDAY])
    places = find_where(store, "customer", SECRET.as_kept("customer", "4711"), None)
    assert places[MONDAY].recording_ids == {"r1"}


def test_tombstones_name_nobody_and_need_their_secret(store: TableStore) -> None:
    forget(store, "c2", "never-seen")
    kept = tombstones(store)
    assert {SECRET.of_call("c2"), SECRET.of_call("never-seen"), SECRET.tombstone("recording", "r2")} <= kept
    for other in (None, Pseudonyms(b"another secret of many")):
        with pytest.raises(SettingsError, match="could come back"):
            check_secret(store, other)
    check_secret(store, SECRET)
    assert all(key.startswith("_state/tombstones/") for key in tombstone_files(store))


def test_hashed_names_are_found_by_the_name_in_the_archive(tmp_path: Path) -> None:
    store = TableStore(Stopping(tmp_path))
    hashed = SECRET.call("c1")
    derived(store, RECORDINGS, [recording("r1", hashed, MONDAY), recording("r2", "other", MONDAY)], [MONDAY])
    assert forget(store, "c1", date=MONDAY).rows == {"recordings": 1}
    assert SECRET.of_call_on(hashed, MONDAY) in tombstones(store)
    assert hashed.encode() not in everything(store.storage)


def test_what_a_date_has_left_is_counted_before_recordings_forgets(store: TableStore) -> None:
    counts: Counts = {}
    forget(store, "c2", counts=counts)
    assert counts == {MONDAY: {"listed": 1, "extracted": 1, "silent": 0, "refused": 0, "scored": 1, "segments": 2}}
    forget(store, "c4", counts=counts)
    assert counts[TUESDAY] == {"listed": 1, "extracted": 1, "silent": 0, "refused": 0, "scored": 1, "segments": 2}


def test_recordings_of_a_corpus_by_their_uris(store: TableStore, tmp_path: Path) -> None:
    corpus = TableStore(Stopping(tmp_path / "corpus"))
    named = [recording("k1", "calls/c2.wav", TUESDAY, uri="/archive/c2.wav"), recording("k2", "calls/c3.wav", TUESDAY)]
    derived(corpus, RECORDINGS, named, [TUESDAY])
    label = {"channel": 0, "start_s": 0.0, "end_s": 1.0, "annotator": "x", "corpus": "mine", "emotion": "sad"}
    labels = [{**label, "recording_id": name} for name in ("k1", "k2")]
    corpus.write("labels/mine.parquet", rows(LABELS.schema, labels))
    done = erase(corpus, find_uris(corpus, find(store, {"c2"}, None).values(), ()), lambda *_: None)
    assert values(corpus, LABELS, "recording_id") == values(corpus, RECORDINGS, "recording_id") == {"k2"}
    assert (done.recordings, done.corpora, done.rows["labels"]) == (1, {"mine"}, 1)
    assert set(find_uris(corpus, [], {"calls/c3.wav"})) == {TUESDAY}
    assert find_uris(corpus, [], ()) == {}


@pytest.mark.slow
def test_stopped_anywhere_it_is_done_by_running_it_again(tmp_path: Path) -> None:
    def filled(name: str) -> TableStore:
        store = TableStore(Stopping(tmp_path / name))
        fill(store)
        note_move(store, run_id(5), MONDAY, TUESDAY, values_array("r2"))  # r2 was on Tuesday, and has rows there
        extraction(store, run_id(3), 7, [("r2", "v1", "c2", TUESDAY)])
        return store

    whole = filled("whole")
    begun = whole.storage.changes  # type: ignore[attr-defined]
    forget(whole, "c2", date=MONDAY)
    steps = whole.storage.changes - begun  # type: ignore[attr-defined]
    assert steps > 10
    for step in range(steps):
        store = filled(str(step))
        storage = store.storage
        assert isinstance(storage, Stopping)
        storage.stop_at = storage.changes + step
        with pytest.raises(StopError):
            forget(store, "c2", date=MONDAY)
        assert step == 0 or SECRET.of_call_on(SECRET.call("c2"), MONDAY) in tombstones(store)  # kept out at once
        storage.stop_at = None
        forget(store, "c2", date=MONDAY)
        assert _rows(store) == _rows(whole), f"stopped at {step}"
        assert b"'r2'" not in everything(store.storage)


def _rows(store: TableStore) -> dict[str, object]:
    return {key: store.read(key).to_pylist() for table in (*TABLES, RUNS) for key in store.files(table)}


def test_rows_that_are_left_are_an_error(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "rewrite", lambda *_: 0)
    with pytest.raises(SerError, match=r"rows of 2026-03-02 are left: .*recordings 1"):
        forget(store, "c2")


def test_on_s3(s3_server: str, s3_bucket: str) -> None:
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", storage_settings(s3_server)))
    fill(store)
    assert forget(store, "c2", date=MONDAY).rows["features"] == 4
    assert b"'r2'" not in everything(store.storage)


def test_models_are_named_by_their_corpus(tmp_path: Path) -> None:
    models = open_storage(str(tmp_path), storage_settings())
    for number, corpus in enumerate(("ravdess", "own", "own"), start=1):
        models.put(f"emotions/{number}/manifest.json", f'{{"training": {{"corpus": "{corpus}"}}}}'.encode())
    assert trained_on(models, {"own"}) == ["emotions/2", "emotions/3"]
    several = {
        "corpus": "mine, ravdess",
        "corpora": [{"name": "mine", "labels": "own"}, {"name": "ravdess", "labels": "r"}],
    }
    models.put("emotions/4/manifest.json", json.dumps({"training": several}).encode())
    assert trained_on(models, {"own"}) == ["emotions/2", "emotions/3", "emotions/4"]
    assert trained_on(models, {"mine"}) == []
    assert trained_on(models, set()) == []
