"""Joins the files of `quarantine` of a call date, without old refusals that a later one replaces."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.newest import FILE
from ser_core.data.tables.schemas import QUARANTINE
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.rewrite import row_keys

_VERSION = ("recording_id", "version")
_ROW = (*QUARANTINE.key, "reason", "attempt")


def join_refusals(store: TableStore, date: dt.date, current: pa.Array, limit: dt.datetime) -> Mapping[str, Any]:
    """Joins the files to one; the counts of a row of `COMPACTED`.

    Args:
        store: the tables.
        date: the call date.
        current: keys of the recordings and versions that count.
        limit: refusals from then on stay. Of older ones stays the last of each reason for a current version.
    """
    files = store.files_of(QUARANTINE, call_date=date)
    counts = {"table": QUARANTINE.name, "files_before": len(files), "files_after": len(files), "rows_dropped": 0}
    if not files:
        return counts
    rows = store.read_all(QUARANTINE, files)
    kept = _kept(rows, current, limit)
    if len(files) == 1 and len(kept) == len(rows):
        return counts
    if len(kept):
        name = files[-1].removesuffix(".parquet")
        store.write(f"{name}c0001.parquet", kept.drop_columns([FILE]))
    for key in files:
        store.delete(key)
    return {**counts, "files_after": int(len(kept) > 0), "rows_dropped": len(rows) - len(kept)}


def _kept(rows: pa.Table, current: pa.Array, limit: dt.datetime) -> pa.Table:
    """The refusals that stay, each once: a killed run may have written them to a second file."""
    names = row_keys(rows, _ROW).to_pylist()
    rows = rows.take(pa.array(sorted({name: place for place, name in enumerate(names)}.values()), pa.int64()))
    groups = row_keys(rows, (*_VERSION, "reason")).to_pylist()
    seen_at = rows["seen_at"].to_pylist()
    last: dict[str, dt.datetime] = {}
    for group, at in zip(groups, seen_at, strict=True):
        last[group] = max(last.get(group, at), at)
    latest = pa.array([last[group] == at for group, at in zip(groups, seen_at, strict=True)], pa.bool_())
    young = pc.greater_equal(rows["seen_at"], pa.scalar(limit, rows.schema.field("seen_at").type))
    counts = pc.is_in(row_keys(rows, _VERSION), value_set=current)
    return rows.filter(pc.or_(young.combine_chunks(), pc.and_(latest, counts)))
