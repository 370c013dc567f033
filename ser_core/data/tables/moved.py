"""Moves of recordings between call dates. Old rows stay on the former date until upkeep removes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.store import STATE, TableStore

_FOLDER = f"{STATE}moved/"
_SCHEMA = pa.schema([("recording_id", pa.string())])
_DATE = len("2026-01-31")


def note_move(store: TableStore, run_id: str, new: dt.date, old: dt.date, recording_ids: pa.Array) -> None:
    """Notes at both dates that recordings go from `old` to `new`; called before their rows are copied."""
    for key in (f"{new}/from-{old}", f"{old}/to-{new}"):
        store.write(f"{_FOLDER}{key}-{run_id}.parquet", pa.table([recording_ids], schema=_SCHEMA))


def former_dates(store: TableStore, date: dt.date, recording_ids: Collection[str]) -> set[dt.date]:
    """Dates that may have rows of recordings which are in `date` now: those they came from, directly or by others."""
    wanted = pa.array(sorted(recording_ids), pa.string())
    former, todo = {date}, [date]
    while todo:
        for key, old in _notes(store, todo.pop(), "from"):
            if old not in former and pc.any(pc.is_in(store.read(key)["recording_id"], value_set=wanted)).as_py():
                former.add(old)
                todo.append(old)
    return former - {date}


def later_dates(store: TableStore, date: dt.date) -> dict[dt.date, set[str]]:
    """Dates to which recordings have gone from `date`, directly or by others, and which recordings."""
    later: dict[dt.date, set[str]] = {}
    todo = [date]
    while todo:
        for key, new in _notes(store, todo.pop(), "to"):
            ids = set(store.read(key)["recording_id"].to_pylist())
            if new != date and not ids <= later.get(new, set()):
                later[new] = later.get(new, set()) | ids
                todo.append(new)
    return later


def forget_moves(store: TableStore, date: dt.date, recording_ids: Collection[str] | None) -> None:
    """Removes what is noted at `date` of recordings; all notes about `date`, at other dates too, where None."""
    wanted = pa.array(sorted(recording_ids or ()), pa.string())
    for way, back in (("from", "to"), ("to", "from")):
        for key, other in list(_notes(store, date, way)):
            rows = store.read(key)
            left = rows.filter(pc.invert(pc.is_in(rows["recording_id"], value_set=wanted)))
            if recording_ids is None:
                store.delete(f"{_FOLDER}{other}/{back}-{date}{key[key.rindex('/') + len(way) + 2 + _DATE :]}")
            if recording_ids is None or not len(left):
                store.delete(key)
            elif len(left) < len(rows):
                store.write(key, left)


def _notes(store: TableStore, date: dt.date, way: str) -> Iterator[tuple[str, dt.date]]:
    """Keys of the notes at a date, each with the other date."""
    prefix = f"{_FOLDER}{date}/{way}-"
    for info in store.storage.list(prefix):
        yield info.key, dt.date.fromisoformat(info.key.removeprefix(prefix)[:_DATE])
