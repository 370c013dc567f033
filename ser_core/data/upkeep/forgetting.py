"""What is being erased: kept until it is done, so that a run after one that was stopped finishes its work."""

from __future__ import annotations

import datetime as dt
import json

from ser_core.data.tables.store import STATE, TableStore
from ser_core.data.upkeep.call_rows import Calls, Places

_KEY = f"{STATE}forgetting.json"
_NAMES = ("recording_ids", "call_ids", "uris")


def begin_forgetting(store: TableStore, places: Places) -> Places:
    """Keeps what is about to be erased. Returns it with what a stopped run has left."""
    text = store.storage.read_or_none(_KEY)
    every = dict(places)
    for date, left in [] if text is None else _parsed(text):
        own = every.get(date, left)
        named = {name: getattr(own, name) | getattr(left, name) for name in _NAMES}
        every[date] = Calls(**named, since=min(own.since, left.since))
    if every:
        kept = {
            str(date): {**{name: sorted(getattr(calls, name)) for name in _NAMES}, "since": str(calls.since)}
            for date, calls in every.items()
        }
        store.put(_KEY, json.dumps(kept).encode())
    return dict(sorted(every.items()))


def end_forgetting(store: TableStore) -> None:
    """Keeps nothing of it any more."""
    store.delete(_KEY)


def _parsed(text: bytes) -> list[tuple[dt.date, Calls]]:
    return [
        (
            dt.date.fromisoformat(date),
            Calls(**{name: frozenset(values[name]) for name in _NAMES}, since=dt.date.fromisoformat(values["since"])),
        )
        for date, values in json.loads(text).items()
    ]
