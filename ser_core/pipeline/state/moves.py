"""Dates that have lost a recording to another date, and are to be scored again whatever dates a run is about.

A recording's date moves where the time of its object is all that dates it, and it is uploaded again. By then its old
date may lie outside of what is scored; the mark stays until it has been, so that each call is in every derived table
once.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping

from ser_core.data.tables.store import TableStore

_MARKS = "_moved/"
_DATE = len("2026-01-31")


def mark_moved(store: TableStore, dates: Iterable[dt.date]) -> None:
    """Notes the dates. To be called before `recordings` is published and again after it: a score run between the two
    may have seen the old rows, and forgets the first mark only."""
    for date in sorted(set(dates)):
        store.put(f"{_MARKS}{date}", secrets.token_hex(8).encode())


def moved_dates(store: TableStore) -> dict[dt.date, bytes]:
    """The noted dates, each with its mark."""
    keys = [info.key for info in store.storage.list(f"{_MARKS}2") if len(info.key) == len(_MARKS) + _DATE]
    return {dt.date.fromisoformat(key.removeprefix(_MARKS)): store.storage.read(key) for key in keys}


def unmark_moved(store: TableStore, seen: Mapping[dt.date, bytes]) -> None:
    """Forgets the dates that have been scored, but for those noted again since their mark was `seen`."""
    now = moved_dates(store) if seen else {}
    for date in sorted(date for date, mark in seen.items() if now.get(date) == mark):
        store.storage.delete(f"{_MARKS}{date}")
