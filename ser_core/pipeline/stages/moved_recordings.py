"""Recordings whose call date has changed: their rows go to the new date, and are not extracted again. No Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.moved import note_move
from ser_core.data.tables.newest import features_key
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, Table, features_schema
from ser_core.data.tables.store import TableStore, log_key

MOVES = pa.schema([("recording_id", pa.string()), ("old_date", pa.date32()), ("new_date", pa.date32())])
"""A recording and its dates."""

COPIED = pa.schema([("files", pa.int64())])


@dataclass(frozen=True)
class CopyMoved:
    """Copies the rows of `channels`, `features` and `quarantine` of moved recordings to their new dates. Picklable.

    `features` before `channels`, as extraction does. The old rows stay: `recordings` says which date counts. A file of
    the new date is named after the run and the old date, so that it is newer than all that it is a copy of.

    Attributes:
        store: the tables.
        run_id: of the run.
    """

    store: TableStore
    run_id: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """A row of `COPIED`, for rows of `MOVES` sorted by their dates."""
        rows = (row for batch in batches for row in batch.to_pylist())
        files = 0
        for (old, new), members in groupby(rows, key=lambda row: (row["old_date"], row["new_date"])):
            files += self._copy(pa.array([row["recording_id"] for row in members], pa.string()), old, new)
        yield pa.RecordBatch.from_pylist([{"files": files}], schema=COPIED)

    def _copy(self, ids: pa.Array, old: dt.date, new: dt.date) -> int:
        note_move(self.store, self.run_id, new, old, ids)
        wanted, name = pc.field("recording_id").isin(ids), f"{self.run_id}-from-{old}"
        written = 0
        for number, key in enumerate(self.store.files_of(CHANNELS, call_date=old)):
            rows = self.store.read(key, filters=wanted)
            if not len(rows):
                continue
            source, target = features_key(key), log_key(FEATURES, name, number, call_date=new)
            if pc.sum(rows["segments"]).as_py() and self.store.storage.exists(source):
                written += self._copy_features(source, target, ids)
            written += self._write(CHANNELS, name, number, new, rows)
        for number, key in enumerate(self.store.files_of(QUARANTINE, call_date=old)):
            written += self._write(QUARANTINE, name, number, new, self.store.read(key, filters=wanted))
        return written

    def _copy_features(self, source: str, target: str, ids: pa.Array) -> int:
        pieces = (_of(table, ids) for table in self.store.recordings(source, features_schema(1).names))
        first = next((piece for piece in pieces if len(piece)), None)
        if first is None:
            return 0
        with self.store.stream(target, first.schema) as writer:
            writer.write_table(first)
            for piece in pieces:
                writer.write_table(piece)
        return 1

    def _write(self, table: Table, name: str, number: int, date: dt.date, rows: pa.Table) -> int:
        if len(rows):
            self.store.write(log_key(table, name, number, call_date=date), rows.drop_columns(["call_date"]))
        return int(len(rows) > 0)


def _of(table: pa.Table, ids: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table["recording_id"], ids))
