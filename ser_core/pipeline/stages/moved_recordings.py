"""Recordings whose call date has changed: their rows go to the new date, and are not extracted again. No Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.newest import features_key
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, Table, features_schema
from ser_core.data.tables.store import TableStore, log_key

MOVES = pa.schema([("recording_id", pa.string()), ("old_date", pa.date32()), ("new_date", pa.date32())])
"""A recording and its dates."""


def copy_moved(store: TableStore, run_id: str, moves: pa.Table) -> int:
    """Copies the rows of `channels`, `features` and `quarantine` of moved recordings to their new dates.

    `features` before `channels`, as extraction does. The old rows stay: `recordings` says which date counts.

    Args:
        store: the tables.
        run_id: of the run.
        moves: rows of `MOVES`.

    Returns:
        Files written.
    """
    written = 0
    for old in sorted(set(moves["old_date"].to_pylist())):
        leaving = moves.filter(pc.equal(moves["old_date"], old))
        for new in sorted(set(leaving["new_date"].to_pylist())):
            ids = leaving.filter(pc.equal(leaving["new_date"], new))["recording_id"].combine_chunks()
            written += _copy(store, f"{run_id}-from-{old}", ids, old, new)
    return written


def _copy(store: TableStore, name: str, ids: pa.Array, old: dt.date, new: dt.date) -> int:
    wanted = pc.field("recording_id").isin(ids)
    written = 0
    for number, key in enumerate(store.files_of(CHANNELS, call_date=old)):
        rows = store.read(key, filters=wanted)
        if not len(rows):
            continue
        features = features_key(key)
        target = log_key(FEATURES, name, number, call_date=new)
        written += store.storage.exists(features) and _copy_features(store, features, target, ids)
        written += _write(store, CHANNELS, name, number, new, rows)
    for number, key in enumerate(store.files_of(QUARANTINE, call_date=old)):
        written += _write(store, QUARANTINE, name, number, new, store.read(key, filters=wanted))
    return written


def _copy_features(store: TableStore, source: str, target: str, ids: Collection[str] | pa.Array) -> int:
    pieces = _features(store, source, ids)
    first = next(pieces, None)
    if first is None:
        return 0
    with store.stream(target, first.schema) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(piece)
    return 1


def _features(store: TableStore, source: str, ids: pa.Array) -> Iterator[pa.Table]:
    names = features_schema(1).names
    for table in store.recordings(source, names):
        rows = table.filter(pc.is_in(table["recording_id"], ids))
        if len(rows):
            yield rows


def _write(store: TableStore, table: Table, name: str, number: int, date: dt.date, rows: pa.Table) -> int:
    if not len(rows):
        return 0
    moved = rows.drop_columns(["call_date"])
    store.write(log_key(table, name, number, call_date=date), moved)
    return 1
