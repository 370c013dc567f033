"""The parts of the history benchmark: copies under other names, counted requests, and what a night may not open."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ser_core.data.archive.identity import recording_id
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.schemas import CHANNELS
from tests.benchmarks.counted import LOG, Request, count_requests, read_log
from tests.benchmarks.history import OldDateReadError, check_scope
from tests.benchmarks.history_figures import ratios
from tests.benchmarks.history_files import Unsafe, linked, write_archive
from tests.benchmarks.history_rows import Call, Copies, Day

DATE = dt.date(2026, 3, 2)
CALLS = [Call("a1", 100), Call("a2", 200)]


@pytest.fixture
def day() -> Day:
    return Day(DATE, 5, CALLS, "calls", "/archive")


def test_an_archive_has_the_versions_that_the_rows_have(day: Day, tmp_path: Path) -> None:
    write_archive(tmp_path, day)
    listed = {info.key: info for info in FolderStorage(tmp_path).list()}
    assert list(listed) == sorted(day.keys)
    assert [listed[key].version for key in day.keys] == day.columns["version"].to_pylist()
    assert day.keys[1] == "2026/03/02/20260302-00001_a2.wav"
    assert day.columns["recording_id"][1].as_py() == recording_id("calls", day.keys[1])


def test_copies_have_the_rows_of_their_calls_under_new_names(day: Day) -> None:
    rows = pa.table({"recording_id": ["x", "x", "y"], "channel": [0, 1, 0], "run_id": ["r"] * 3})
    copies = Copies.of(CHANNELS, rows, np.array([0, 0, 1]), 2, day.count)
    assert copies.call.tolist() == [0, 0, 1, 2, 2, 3, 4, 4]
    table = copies.named(day, "run")
    ids = day.columns["recording_id"].to_pylist()
    assert table["recording_id"].to_pylist() == [ids[call] for call in copies.call]
    assert table["channel"].to_pylist() == [0, 1, 0] * 2 + [0, 1]
    assert set(table["run_id"].to_pylist()) == {"run"}
    parts = dict(copies.by(np.array([0, 1, 0, 1, 0]), 2, None))
    assert {number: places.tolist() for number, places in parts.items()} == {0: [0, 1, 3, 4, 6, 7], 1: [2, 5]}
    assert [len(places) for _, places in copies.by(np.array([0, 1, 0, 1, 0]), 2, 2)] == [2, 2]


def test_requests_are_counted_by_name_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    names = ("list", "children", "info", "put", "put_if_absent", "delete", "fetch", "open_ranges")
    for name in names:
        monkeypatch.setattr(FolderStorage, name, getattr(FolderStorage, name))  # put back at the end
    count_requests()
    storage = FolderStorage(tmp_path / "root")
    storage.put("a/b", b"four")
    assert storage.read("a/b") == b"four"
    with storage.open_ranges("a/b") as file:
        assert file.read(2) == b"fo"
    assert [info.key for info in storage.list("a/")] == ["a/b"]
    log = read_log(str(tmp_path / "log"))
    assert [entry.name for entry in log if entry.requests and entry.name != "read"] == [
        "put",
        "fetch",
        "open_ranges",
        "list",
    ]
    assert sum(entry.bytes_read for entry in log) == 6


def test_a_night_may_not_open_features_of_old_dates() -> None:
    first = DATE - dt.timedelta(days=31)
    key = "features/call_date={}/run-00001-1.parquet"
    check_scope([Request("fetch", key.format(first), 1, 0), Request("list", key.format("2020-01-01"), 1, 0)], first)
    check_scope([Request("fetch", key.format("0001-01-01"), 1, 0)], first)
    with pytest.raises(OldDateReadError, match="2026-01-29"):
        check_scope([Request("fetch", key.format("2026-01-29"), 1, 0)], first)
    old = "segment_emotions/model_version=m%2F1/call_date=2026-01-29/bucket-0000.parquet"
    with pytest.raises(OldDateReadError, match="segment_emotions"):
        check_scope([Request("open_ranges", old, 1, 0)], first)


def test_linked_files_stay_as_they_are_where_a_copy_changes(tmp_path: Path) -> None:
    Unsafe(tmp_path / "a").put("x/y", b"old")
    linked(tmp_path / "a", tmp_path / "b")
    Unsafe(tmp_path / "b").put("x/y", b"new")
    assert (tmp_path / "a/x/y").read_bytes() == b"old"


def test_ratios_are_last_against_first() -> None:
    one = {what: {"requests": 10, "seconds": 2.0, "bytes_read": 4, "memory_mb": 100.0} for what in ("idle", "busy")}
    one |= {what: {"seconds": 2.0} for what in ("query", "trace", "forget")}
    other = {what: {name: 2 * value for name, value in figures.items()} for what, figures in one.items()}
    other["busy"]["memory_mb"] = 300.0
    found = ratios(one, other)
    assert found.pop("memory") == 3.0
    assert set(found.values()) == {2.0}
