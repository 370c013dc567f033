"""Where calls are: their recordings by call date, found in `recordings`; and their rows, in every table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.moved import former_dates, later_dates
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore, bucket_key, bucket_of
from ser_core.errors import ObjectMissingError

_THREADS = 8  # dates looked through at once
_NAMES = ("recording_id", "call_id", "call_date", "uri", "modified_at")

Rows = Callable[[pa.Table], pa.Array]
"""A mask of the rows of `recordings` that are wanted."""


@dataclass(frozen=True)
class Calls:
    """Calls of one call date, or recordings that have left it.

    Attributes:
        recording_ids: rows with one of them match, in every table.
        call_ids: rows with one of them match.
        uris: of these recordings.
        since: the first day on which a run may have named them.
    """

    recording_ids: frozenset[str]
    call_ids: frozenset[str]
    uris: frozenset[str]
    since: dt.date

    def rows(self, table: pa.Table) -> pa.Array:
        """A mask of rows that match, by those of recording_id and call_id that `table` has."""
        mask = pa.array([False] * len(table), pa.bool_())
        for name, wanted in (("recording_id", self.recording_ids), ("call_id", self.call_ids)):
            if name in table.column_names and wanted:
                mask = pc.or_(mask, is_in(table, name, wanted))
        return mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask


Places = Mapping[dt.date, Calls]
"""Calls by call date."""


def find(store: TableStore, call_ids: Collection[str], date: dt.date | None) -> Places:
    """Calls by name: of `date`, or of every date that has one, and where their recordings were before they moved.

    With `date`, no other date is read but those between which recordings of these calls have moved. Without,
    `recordings` is looked through, a bucket a call and date.
    """
    buckets = _buckets(store, call_ids)

    def wanted(rows: pa.Table) -> pa.Array:
        return is_in(rows, "call_id", call_ids)

    places = _places(store, date, wanted, buckets)
    if date is None:
        return _with_former(store, places)
    for later, moved in later_dates(store, date).items():
        rows = _read(store, later, buckets)
        rows = rows.filter(pc.and_(wanted(rows), is_in(rows, "recording_id", moved)))
        if len(rows):
            places[later] = _calls(rows, rows["call_id"].to_pylist(), later)
    places.setdefault(date, Calls(frozenset(), frozenset(call_ids), frozenset(), date))  # what a stopped run has left
    return _with_former(store, places)


def find_where(store: TableStore, name: str, values: Collection[str], date: dt.date | None) -> Places:
    """As `find`, by a value of agent_id, queue, call_id or of `extra`: calls that have a recording with it."""
    wanted = pa.array(sorted(values), pa.string())
    found = _places(store, date, lambda rows: _has(rows, name, wanted), names=(*_NAMES, "agent_id", "queue", "extra"))
    return _with_former(store, {day: _calls(_read(store, day), calls.call_ids, day) for day, calls in found.items()})


def find_uris(store: TableStore, places: Iterable[Calls], call_ids: Collection[str]) -> Places:
    """Recordings with the uris of `places`, or of `call_ids`, by call date. Looks through all of `recordings`."""
    uris = {uri for calls in places for uri in calls.uris}
    if not uris and not call_ids:
        return {}

    def wanted(rows: pa.Table) -> pa.Array:
        return pc.or_(is_in(rows, "uri", uris), is_in(rows, "call_id", call_ids))

    found = _places(store, None, wanted)
    return {date: Calls(calls.recording_ids, frozenset(), calls.uris, calls.since) for date, calls in found.items()}


def is_in(rows: pa.Table, name: str, values: Collection[str]) -> pa.ChunkedArray:
    """A mask of rows whose text `name` is one of `values`."""
    return pc.is_in(rows.column(name), value_set=pa.array(sorted(values), pa.string()))


def _dates(store: TableStore) -> list[dt.date]:
    return sorted(dt.date.fromisoformat(values["call_date"]) for values in store.partitions(RECORDINGS))


def _places(
    store: TableStore,
    date: dt.date | None,
    wanted: Rows,
    buckets: Collection[int] | None = None,
    names: Sequence[str] = _NAMES,
) -> dict[dt.date, Calls]:
    """Calls of a date, or of every date, that have a recording which is `wanted`. Looks at some buckets or at all."""
    dates = _dates(store) if date is None else [date]

    def look(day: dt.date) -> pa.Table:
        rows = _read(store, day, buckets, names)
        return rows.filter(pc.fill_null(wanted(rows), False))

    with ThreadPoolExecutor(_THREADS) as pool:
        found = zip(dates, pool.map(look, dates), strict=True)
        return {day: _calls(rows, rows["call_id"].to_pylist(), day) for day, rows in found if len(rows)}


def _calls(rows: pa.Table, call_ids: Iterable[str], date: dt.date) -> Calls:
    wanted = frozenset(call_ids)
    own = rows.filter(is_in(rows, "call_id", wanted))
    seen = [moment.date() for moment in own["modified_at"].to_pylist() if moment is not None]
    uris = frozenset(uri for uri in own["uri"].to_pylist() if uri)
    return Calls(frozenset(own["recording_id"].to_pylist()), wanted, uris, min([date, *seen]))


def _with_former(store: TableStore, places: Places) -> Places:
    """`places`, and the dates that their recordings have left: there by recording, and by call if no other has it."""
    every = dict(places)
    for date, calls in places.items():
        for old in former_dates(store, date, calls.recording_ids):
            there = _read(store, old, _buckets(store, calls.call_ids))
            others = there.filter(pc.invert(is_in(there, "recording_id", calls.recording_ids)))
            free = calls.call_ids - set(others["call_id"].to_pylist())
            own = every.get(old, Calls(frozenset(), frozenset(), frozenset(), old))
            every[old] = Calls(
                own.recording_ids | calls.recording_ids,
                own.call_ids | free,
                own.uris | calls.uris,
                min(own.since, calls.since),
            )
    return dict(sorted(every.items()))


def _read(
    store: TableStore, date: dt.date, buckets: Collection[int] | None = None, names: Sequence[str] = _NAMES
) -> pa.Table:
    """Rows of `recordings` of a date; of some buckets only where they are given."""
    if buckets is None:
        keys = store.files_of(RECORDINGS, call_date=date)
    else:
        keys = [bucket_key(RECORDINGS, {"call_date": date}, number) for number in sorted(buckets)]
    parts = [pa.schema([RECORDINGS.schema.field(name) for name in names]).empty_table()]
    for key in keys:
        try:
            parts.append(store.read(key, names, schema=RECORDINGS.schema))
        except ObjectMissingError:  # the date has no recordings
            continue
    return pa.concat_tables(parts)


def _buckets(store: TableStore, call_ids: Collection[str]) -> frozenset[int] | None:
    """The buckets of calls in `recordings`; None where it has none yet."""
    kept = store.kept_buckets(RECORDINGS)
    return None if kept is None else frozenset(bucket_of(call_id, kept) for call_id in call_ids)


def _has(rows: pa.Table, name: str, wanted: pa.Array) -> pa.Array:
    """A mask of rows whose column or entry of `extra` is one of `wanted`."""
    if name in {"agent_id", "queue", "call_id"}:
        return pc.is_in(rows[name], value_set=wanted)
    values = pc.map_lookup(rows["extra"], pa.scalar(name), "first")
    return pc.is_in(values, value_set=wanted)
