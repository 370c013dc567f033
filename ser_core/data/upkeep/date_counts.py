"""What a call date has, counted on its tables, as columns of `dates`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import CALL_EMOTIONS, CHANNELS, QUARANTINE, RECORDINGS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.call_rows import Calls
from ser_core.data.upkeep.rewrite import columns_on, row_keys, rows_in

_KEY = ("recording_id", "version")


def date_counts(store: TableStore, date: dt.date, without: Calls, model_version: str | None) -> Mapping[str, int]:
    """Counts of a date: listed, extracted, refused, silent; and scored and segments of a model.

    Extracted is what has channels, of whatever features; refused is what has none and a refusal.

    Args:
        store: the tables.
        date: the call date.
        without: calls that are in `recordings` still, and in no other table.
        model_version: the model that has published the date; None where none has.
    """
    recordings = columns_on(store, RECORDINGS, date, (*_KEY, "call_id", "duplicate_of", "gone_at"))
    counts = pc.and_(pc.is_null(recordings["gone_at"]), pc.is_null(recordings["duplicate_of"]))
    live = row_keys(recordings.filter(pc.and_(counts, pc.invert(without.rows(recordings)))), _KEY)
    channels = columns_on(store, CHANNELS, date, (*_KEY, "segments"))
    extracted = row_keys(channels, _KEY)
    speaking = extracted.filter(pc.greater(pc.fill_null(channels["segments"], 0), 0))
    refused = row_keys(columns_on(store, QUARANTINE, date, _KEY), _KEY)
    done, heard, off = (pc.is_in(live, value_set=names) for names in (extracted, speaking, refused))
    found = {
        "listed": len(live),
        "extracted": _sum(done),
        "silent": _sum(pc.and_(done, pc.invert(heard))),
        "refused": _sum(pc.and_(off, pc.invert(done))),
    }
    if model_version is not None:
        for name, table in (("scored", CALL_EMOTIONS), ("segments", SEGMENT_EMOTIONS)):
            files = store.files_of(table, model_version=model_version, call_date=date)
            found[name] = sum(rows_in(store, key) for key in files)
    return found


def _sum(mask: pa.Array) -> int:
    return int(pc.sum(mask).as_py() or 0)
