"""Rows of given calls, in every table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import CHANNELS, RECORDINGS, Table
from ser_core.data.tables.store import TableStore, bucket_of


@dataclass(frozen=True)
class Wanted:
    """Rows below one root of tables: by call, by date and by recording.

    Attributes:
        recording_ids: rows with one of them match, in every table.
        call_ids: rows with one of them match.
        before: rows with an earlier call_date match; None where calls are given by name.
        uris: of these recordings.
    """

    recording_ids: frozenset[str]
    call_ids: frozenset[str]
    before: dt.date | None
    uris: frozenset[str]

    def rows(self, table: pa.Table) -> pa.Array:
        """A mask of rows that match, by those of recording_id, call_id and call_date that `table` has."""
        present = set(table.column_names)
        mask = pa.array([False] * len(table), pa.bool_())
        for name, wanted in (("recording_id", self.recording_ids), ("call_id", self.call_ids)):
            if name in present and wanted:
                mask = pc.or_(mask, _is_in(table, name, wanted))
        if self.before is not None and "call_date" in present:
            early = pc.less(table.column("call_date"), pa.scalar(self.before, pa.date32()))
            mask = pc.or_(mask, pc.fill_null(early, False))
        return mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask

    def may_be_in(self, store: TableStore, table: Table, key: str) -> bool:
        """Whether a file of a derived table can have such rows: by its bucket or its date."""
        if table.kind != "derived":
            return True
        if self.before is not None:
            return f"call_date={self.before}" > key[key.index("call_date=") :][: len("call_date=0000-00-00")]
        kept = store.kept_buckets(table)
        if kept is None:
            return True
        return any(key.endswith(f"bucket-{bucket_of(call, kept):04d}.parquet") for call in self.call_ids)


def find(store: TableStore, call_ids: Collection[str], before: dt.date | None) -> Wanted:
    """The rows of calls by name, or of every call before a date.

    The date of a recording is that of `recordings`, or of `channels` where `recordings` no longer has it.
    """
    columns = ("recording_id", "call_id", "call_date", "uri")
    recordings: dict[str, Mapping[str, Any]] = {}
    known: set[str] = set()
    for table, names in ((RECORDINGS, columns), (CHANNELS, columns[:3])):
        present: set[str] = set()
        for key in store.files(table):
            rows = store.read(key, names, schema=table.schema)
            present |= set(rows.column("recording_id").to_pylist())
            matching = _is_in(rows, "call_id", call_ids)
            if before is not None:
                matching = pc.less(rows.column("call_date"), pa.scalar(before, pa.date32()))
            for row in rows.filter(matching).to_pylist():
                if before is None or row["recording_id"] not in known:
                    recordings.setdefault(row["recording_id"], row)
        known |= present
    uris = frozenset(row["uri"] for row in recordings.values() if row.get("uri"))
    return Wanted(frozenset(recordings), frozenset(call_ids), before, uris)


def find_uris(store: TableStore, uris: Collection[str], call_ids: Collection[str]) -> Wanted:
    """The rows of recordings by uri, or by call."""
    ids: set[str] = set()
    for key in store.files(RECORDINGS):
        rows = store.read(key, ("recording_id", "call_id", "uri"), schema=RECORDINGS.schema)
        matching = pc.or_(_is_in(rows, "uri", uris), _is_in(rows, "call_id", call_ids))
        ids |= set(rows.filter(matching).column("recording_id").to_pylist())
    return Wanted(frozenset(ids), frozenset(call_ids), None, frozenset(uris))


def _is_in(rows: pa.Table, name: str, values: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(rows.column(name), value_set=pa.array(sorted(values), pa.string()))
