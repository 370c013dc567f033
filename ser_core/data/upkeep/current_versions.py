"""Current versions of recordings."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore

_COLUMNS = ("recording_id", "version")


def current_versions(store: TableStore) -> pa.Table:
    """(recording_id, version) of every recording in `recordings`; about 100 bytes each."""
    parts = [store.read(key, _COLUMNS, schema=RECORDINGS.schema) for key in store.files(RECORDINGS)]
    schema = pa.schema([RECORDINGS.schema.field(name) for name in _COLUMNS])
    return pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()


def is_current(rows: pa.Table, current: pa.Table) -> pa.Array:
    """A mask of `rows` that are of a recording's current version, or of a recording that `current` does not have.

    A recording can have two versions in `current`, while its date changes; both are current.
    """
    known = pc.is_in(rows.column("recording_id"), value_set=current.column("recording_id"))
    pairs = (
        pc.binary_join_element_wise(table.column("recording_id"), table.column("version"), "\0")
        for table in (rows, current)
    )
    now = pc.is_in(next(pairs), value_set=next(pairs))
    stays = pc.or_(pc.invert(known), now)
    return stays.combine_chunks() if isinstance(stays, pa.ChunkedArray) else stays
