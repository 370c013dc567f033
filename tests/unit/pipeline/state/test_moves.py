"""Marks of dates that lost a recording: kept until the date has been scored since."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ser_core.data.storage import FolderStorage
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.state.moves import mark_moved, moved_dates, unmark_moved

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


def test_a_mark_stays_until_it_is_forgotten(tmp_path: Path) -> None:
    store = TableStore(FolderStorage(tmp_path))
    assert moved_dates(store) == {}
    mark_moved(store, [TUESDAY, MONDAY])
    assert set(moved_dates(store)) == {MONDAY, TUESDAY}
    unmark_moved(store, {MONDAY: moved_dates(store)[MONDAY]})
    assert set(moved_dates(store)) == {TUESDAY}


def test_a_date_marked_again_since_is_not_forgotten(tmp_path: Path) -> None:
    store = TableStore(FolderStorage(tmp_path))
    mark_moved(store, [MONDAY])
    seen = moved_dates(store)
    mark_moved(store, [MONDAY])
    unmark_moved(store, seen)
    assert set(moved_dates(store)) == {MONDAY}
