"""Dates that lost a recording to another date. They are scored again whatever the scope of the next run is.

A recording's date comes from its object's time where path and metadata give none. It moves when the object is uploaded
again. Its old date may be outside the scope by then, so the date is marked until it has been scored: each call is in
every derived table once.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping

from ser_core.data.tables.store import STATE, TableStore

_MARKS = f"{STATE}moves/"
_DATE = len("2026-01-31")


def mark_moved(store: TableStore, dates: Iterable[dt.date]) -> None:
    """Marks the dates. Call it before `recordings` is published and again after.

    A score run between the two calls may have read the old rows. It removes the first mark only.
    """
    for date in sorted(set(dates)):
        store.put(f"{_MARKS}{date}", secrets.token_hex(8).encode())


def moved_dates(store: TableStore) -> dict[dt.date, bytes]:
    """The marked dates, each with its mark."""
    keys = [info.key for info in store.storage.list(f"{_MARKS}2") if len(info.key) == len(_MARKS) + _DATE]
    return {dt.date.fromisoformat(key.removeprefix(_MARKS)): store.storage.read(key) for key in keys}


def unmark_moved(store: TableStore, seen: Mapping[dt.date, bytes]) -> None:
    """Removes the marks of dates that have been scored, unless a date was marked again since its mark was `seen`."""
    current = moved_dates(store) if seen else {}
    for date in sorted(date for date, mark in seen.items() if current.get(date) == mark):
        store.storage.delete(f"{_MARKS}{date}")
