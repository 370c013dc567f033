"""Notes of moves between dates, both ways."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.moved import forget_moves, former_dates, later_dates, note_move
from ser_core.data.tables.store import TableStore

FIRST, SECOND, THIRD = (dt.date(2026, 3, day) for day in (1, 2, 3))


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    """`a` has gone from the first to the second and on to the third, `b` from the first to the second and back."""
    tables = TableStore(FolderStorage(tmp_path))
    note_move(tables, "run1", SECOND, FIRST, pa.array(["a", "b"]))
    note_move(tables, "run2", THIRD, SECOND, pa.array(["a"]))
    note_move(tables, "run3", FIRST, SECOND, pa.array(["b"]))
    return tables


def test_where_recordings_came_from(store: TableStore) -> None:
    assert former_dates(store, THIRD, {"a"}) == {FIRST, SECOND}
    assert former_dates(store, THIRD, {"b"}) == set()
    assert former_dates(store, FIRST, {"b"}) == {SECOND}
    assert former_dates(store, dt.date(2026, 3, 9), {"a"}) == set()


def test_where_recordings_went(store: TableStore) -> None:
    assert later_dates(store, FIRST) == {SECOND: {"a", "b"}, THIRD: {"a"}}
    assert later_dates(store, THIRD) == {}


def test_notes_on_a_recording_are_removed_and_others_stay(store: TableStore) -> None:
    for date in (FIRST, SECOND, THIRD):
        forget_moves(store, date, {"a"})
    assert former_dates(store, THIRD, {"a"}) == set()
    assert later_dates(store, FIRST) == {SECOND: {"b"}}
    assert former_dates(store, FIRST, {"b"}) == {SECOND}


def test_nothing_is_noted_any_more_about_a_date(store: TableStore) -> None:
    forget_moves(store, FIRST, None)
    left = [info.key for info in store.storage.list("_state/moved/")]
    assert len(left) == 2
    assert not any(str(FIRST) in key for key in left)
