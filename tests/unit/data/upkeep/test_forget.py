"""Calls that are forgotten: in no table, by no name, and not to come back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import open_storage
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
    Table,
)
from ser_core.data.tables.store import TableStore, rows
from ser_core.data.upkeep import forget as module
from ser_core.data.upkeep.forget import Forget, Forgotten, trained_on
from ser_core.data.upkeep.tombstones import read_tombstones
from ser_core.errors import SerError, SettingsError
from tests.support.s3 import storage_settings
from tests.support.tables import MONDAY, TUESDAY, StopError, Stopping, derived, everything, fill, recording, run_id

SECRET = Pseudonyms(b"a secret of many letters")
TABLES = (RECORDINGS, CHANNELS, FEATURES, QUARANTINE, LABELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    tables = TableStore(Stopping(tmp_path / "tables"))
    fill(tables)
    return tables


def forget(
    store: TableStore, *calls: str, before: dt.date | None = None, corpus: TableStore | None = None
) -> Forgotten:
    return Forget(SECRET, run_id(10), calls, before).run(store, corpus)


def values(store: TableStore, table: Table, column: str) -> set[str]:
    return {row[column] for key in store.files(table) for row in store.read(key, [column]).to_pylist()}


def marks(store: TableStore) -> dict[str, dt.datetime]:
    return {info.key: info.modified_at for info in store.storage.list()}


def test_a_call_leaves_every_table_and_the_others_stay(store: TableStore) -> None:
    before = {t.name: sum(len(store.read(key)) for key in store.files(t)) for t in TABLES}
    done = forget(store, "c2")
    expected = {
        "channels": 2, "features": 4, "labels": 1, "segment_emotions": 2, "call_emotions": 1, "call_talk": 1,
        "recordings": 1,
    }  # fmt: skip
    assert done.rows == expected
    assert (done.recordings, done.corpora, set(done.left.values())) == (1, {"own"}, {0})
    after = {t.name: sum(len(store.read(key)) for key in store.files(t)) for t in TABLES}
    assert after == {name: count - expected.get(name, 0) for name, count in before.items()}
    assert values(store, RECORDINGS, "call_id") == {"c1", "c3", "c4"}
    assert values(store, FEATURES, "recording_id") == {"r1", "r3"}


def test_no_byte_names_it_any_more(store: TableStore) -> None:
    assert b"/archive/c2.wav" in everything(store.storage)
    done = forget(store, "c2")
    content = everything(store.storage)
    assert all(name not in content for name in (b"/archive/c2.wav", b"'c2'", b"'r2'", b'"c2"', b'"r2"'))
    assert done.texts == 1
    assert values(store, RUNS, "detail") == {None, "StorageError: [erased] and c21 cannot be read"}


def test_files_without_it_are_not_touched(store: TableStore) -> None:
    before = marks(store)
    forget(store, "c2")
    changed = {key for key, mark in marks(store).items() if before.get(key) != mark}
    assert not any("call_date=2026-03-03" in key for key in changed)
    assert len([key for key in changed if key.startswith("channels/")]) == 1


def test_a_refused_call_leaves_quarantine(store: TableStore) -> None:
    assert forget(store, "c4").rows == {"quarantine": 1, "recordings": 1}


def test_what_is_before_a_date_leaves(store: TableStore) -> None:
    done = forget(store, before=TUESDAY)
    assert done.recordings == 2
    for table in (RECORDINGS, CHANNELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK):
        assert values(store, table, "call_date") == {TUESDAY}, table.name
    assert values(store, FEATURES, "recording_id") == {"r3"}
    assert values(store, QUARANTINE, "recording_id") == {"r4"}
    again = {SECRET.tombstone("recording", name) for name in ("r1", "r2")}
    assert read_tombstones(store, SECRET) == again  # of the recordings: another day's call may have the same call_id


def test_a_recording_that_moved_to_a_later_date_keeps_its_vectors(store: TableStore) -> None:
    derived(store, RECORDINGS, [recording("r2", "c2", MONDAY)], [MONDAY])
    derived(store, RECORDINGS, [recording("r1", "c1", TUESDAY), recording("r3", "c3", TUESDAY)], [TUESDAY])
    forget(store, before=TUESDAY)
    assert values(store, FEATURES, "recording_id") == {"r1", "r3"}


def test_tombstones_name_nobody_and_need_their_secret(store: TableStore) -> None:
    forget(store, "c2", "never-seen")
    kept = read_tombstones(store, SECRET)
    assert {SECRET.of_call("c2"), SECRET.of_call("never-seen"), SECRET.tombstone("recording", "r2")} == kept
    for other in (None, Pseudonyms(b"another secret of many")):
        with pytest.raises(SettingsError, match="could come back"):
            read_tombstones(store, other)


def test_hashed_names_are_found_by_the_name_in_the_archive(tmp_path: Path) -> None:
    store = TableStore(Stopping(tmp_path))
    hashed = SECRET.call("c1")
    derived(store, RECORDINGS, [recording("r1", hashed, MONDAY), recording("r2", "other", MONDAY)], [MONDAY])
    assert forget(store, "c1").rows == {"recordings": 1}
    assert SECRET.of_call("c1") in read_tombstones(store, SECRET)
    assert hashed.encode() not in everything(store.storage)


def test_a_corpus_of_the_same_recordings_forgets_too(store: TableStore, tmp_path: Path) -> None:
    corpus = TableStore(Stopping(tmp_path / "corpus"))
    named = [recording("k1", "calls/c2.wav", MONDAY, uri="/archive/c2.wav"), recording("k2", "calls/c3.wav", MONDAY)]
    derived(corpus, RECORDINGS, named, [MONDAY])
    label = {"channel": 0, "start_s": 0.0, "end_s": 1.0, "annotator": "x", "corpus": "mine", "emotion": "sad"}
    labels = [{**label, "recording_id": name} for name in ("k1", "k2")]
    corpus.write("labels/mine.parquet", rows(LABELS.schema, labels))
    done = forget(store, "c2", corpus=corpus)
    assert values(corpus, LABELS, "recording_id") == values(corpus, RECORDINGS, "recording_id") == {"k2"}
    assert (done.recordings, done.corpora, done.rows["labels"]) == (2, {"own", "mine"}, 2)
    assert SECRET.tombstone("recording", "k1") in read_tombstones(corpus, SECRET)


@pytest.mark.slow
def test_stopped_anywhere_it_is_done_by_running_it_again(tmp_path: Path) -> None:
    whole = TableStore(Stopping(tmp_path / "whole"))
    fill(whole)
    begun = whole.storage.changes  # type: ignore[attr-defined]
    forget(whole, "c2")
    steps = whole.storage.changes - begun  # type: ignore[attr-defined]
    expected = everything(whole.storage)
    for step in range(steps):
        store = TableStore(Stopping(tmp_path / str(step)))
        fill(store)
        storage = store.storage
        assert isinstance(storage, Stopping)
        storage.stop_at = storage.changes + step
        with pytest.raises(StopError):
            forget(store, "c2")
        assert step == 0 or SECRET.of_call("c2") in read_tombstones(store, SECRET)  # kept out from the first step on
        storage.stop_at = None
        forget(store, "c2")
        assert _without_tombstones(store) == _without_tombstones(whole), f"stopped at {step}"
    assert expected


def _without_tombstones(store: TableStore) -> dict[str, object]:
    return {key: store.read(key).to_pylist() for table in (*TABLES, RUNS) for key in store.files(table)}


def test_rows_that_are_left_are_told(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "rewrite", lambda *_: 0)
    with pytest.raises(SerError, match=r"rows are left: .*recordings 1"):
        forget(store, "c2")


def test_on_s3(s3_server: str, s3_bucket: str) -> None:
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", storage_settings(s3_server)))
    fill(store)
    assert forget(store, "c2").rows["features"] == 4
    assert b"'r2'" not in everything(store.storage)


def test_models_are_named_by_their_corpus(tmp_path: Path) -> None:
    models = open_storage(str(tmp_path), storage_settings())
    for number, corpus in enumerate(("ravdess", "own", "own"), start=1):
        models.put(f"emotions/{number}/manifest.json", f'{{"training": {{"corpus": "{corpus}"}}}}'.encode())
    assert trained_on(models, {"own"}) == ["emotions/2", "emotions/3"]
    assert trained_on(models, set()) == []
