"""Moves of recordings between call dates: what may move, which moves are not complete, what is to be scored since.

A date that is in the path of a recording cannot change by itself. One from metadata or from the object's time can: the
recording is then looked up on the dates that have such recordings.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Mapping

from ser_core.data.tables.store import STATE, TableStore

_MARKS = f"{STATE}moves/"
_MAY_MOVE = f"{STATE}may_move.json"
_UNFINISHED = f"{STATE}moving.json"
_DATE = len("2026-01-31")


def may_move(store: TableStore) -> set[dt.date]:
    """Dates with recordings whose date is not from their path."""
    return _read_dates(store, _MAY_MOVE)


def keep_may_move(store: TableStore, dates: Iterable[dt.date]) -> None:
    """Keeps the dates for `may_move`. Written only where they have changed."""
    wanted = set(dates)
    if wanted != may_move(store):
        _write_dates(store, _MAY_MOVE, wanted)


def begin_moves(store: TableStore, dates: Iterable[dt.date]) -> None:
    """Notes that recordings are moving between the dates: should the run be killed, the next one looks there again."""
    _write_dates(store, _UNFINISHED, {*dates, *unfinished_moves(store)})


def end_moves(store: TableStore) -> None:
    """Notes that every recording is on one date again."""
    store.delete(_UNFINISHED)


def unfinished_moves(store: TableStore) -> set[dt.date]:
    """Dates of the moves that a killed run has left incomplete."""
    return _read_dates(store, _UNFINISHED)


def mark_moved(store: TableStore, dates: Iterable[dt.date]) -> None:
    """Marks dates that recordings come from or go to. They are scored whatever the scope of the next run is.

    Call it before `recordings` is published and again after. A score run between the two calls may have read the old
    rows. It removes the first mark only.
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


def _read_dates(store: TableStore, key: str) -> set[dt.date]:
    kept = store.storage.read_or_none(key)
    return set() if kept is None else {dt.date.fromisoformat(text) for text in json.loads(kept)["call_dates"]}


def _write_dates(store: TableStore, key: str, dates: Iterable[dt.date]) -> None:
    store.put(key, json.dumps({"call_dates": sorted(str(date) for date in dates)}).encode())
