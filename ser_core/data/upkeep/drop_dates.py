"""Whole call dates leave the tables: the end of a retention period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from ser_core.data.tables.moved import forget_moves
from ser_core.data.tables.populations import forget_populations
from ser_core.data.tables.schemas import RECORDINGS, TABLES
from ser_core.data.tables.store import STATE, TableStore
from ser_core.data.upkeep.call_rows import Calls
from ser_core.data.upkeep.rewrite import partition_files, rows_in
from ser_core.errors import SerError

_OF_DATE = tuple(table for table in TABLES.values() if "call_date" in table.partitions and table is not RECORDINGS)

Dropping = Callable[[dt.date, Calls], None]
"""Called before a date's `recordings` leave, with those of its recordings that other tables have too."""


@dataclass
class Dropped:
    """What has left: dates that had files, files, and recordings."""

    dates: list[dt.date] = field(default_factory=list)
    files: int = 0
    recordings: int = 0


def dates_before(store: TableStore, before: dt.date, noted: Iterable[dt.date]) -> list[dt.date]:
    """The dates before `before` that any table has, or that are `noted` in `dates`; in order."""
    parts = (values["call_date"] for table in (*_OF_DATE, RECORDINGS) for values in store.partitions(table))
    return sorted(date for date in {*map(dt.date.fromisoformat, parts), *noted} if date < before)


def drop_dates(
    store: TableStore, dates: Iterable[dt.date], ids: Collection[str], uris: Collection[str], dropping: Dropping
) -> Dropped:
    """Removes every file of the dates and what is kept of them in `_state`. The caller holds the lease.

    `recordings` is last, each date after `dropping`: a run that was stopped can be repeated.

    Args:
        store: the tables.
        dates: to remove.
        ids: recordings that tables of no date have, such as `labels`.
        uris: of recordings that another root of tables has.
        dropping: what to do with those.

    Raises:
        SerError: files are left.
    """
    done, state = Dropped(), _state_folders(store)
    for date in dates:
        before = done.files
        for table in _OF_DATE:
            done.files += _delete(store, partition_files(store, table, date))
        _forget_state(store, state, date)
        files = partition_files(store, RECORDINGS, date)
        done.recordings += sum(rows_in(store, key) for key in files)
        dropping(date, _elsewhere(store, files, date, ids, uris))
        done.files += _delete(store, files)
        done.dates += [date] if done.files > before else []
        left = [key for table in (*_OF_DATE, RECORDINGS) for key in partition_files(store, table, date)]
        if left:
            raise SerError(f"{len(left)} files of {date} are left. Did a job write meanwhile? Run `ser forget` again")
    return done


def _elsewhere(
    store: TableStore, files: Iterable[str], date: dt.date, ids: Collection[str], uris: Collection[str]
) -> Calls:
    """Recordings of a date that are among `ids` or `uris`."""
    own: set[str] = set()
    named: set[str] = set()
    for key in files if ids or uris else ():
        rows = store.read(key, ("recording_id", "uri"))
        own |= set(rows["recording_id"].to_pylist()).intersection(ids)
        named |= set(rows["uri"].to_pylist()).intersection(uris)
    return Calls(frozenset(own), frozenset(), frozenset(named), date)


def _state_folders(store: TableStore) -> list[str]:
    """Folders with a file a date, of what was published."""
    folders = []
    todo = [f"{STATE}inputs/", f"{STATE}profiles/"]
    while todo:
        folders.append(todo.pop())
        todo += store.storage.children(folders[-1])
    return folders


def _forget_state(store: TableStore, folders: Iterable[str], date: dt.date) -> None:
    forget_moves(store, date, None)
    forget_populations(store, date)
    store.delete(f"{STATE}moves/{date}")
    for folder in folders:
        for name in (f"call_date={date}.json", f"{date}.json"):
            store.delete(f"{folder}{name}")


def _delete(store: TableStore, keys: Iterable[str]) -> int:
    """Removes files, and in a folder the directories that are empty then; their number."""
    count = 0
    for key in keys:
        store.delete(key)
        path = store.storage.local_path(key)
        if path is not None:
            with suppress(OSError):  # it holds other files
                path.parent.rmdir()
        count += 1
    return count
