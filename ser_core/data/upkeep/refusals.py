"""Refusals that count: of recordings that are there, in their current version, and have not been extracted."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from ser_core.data.tables.schemas import CHANNELS, QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.rewrite import columns_on, row_keys

_VERSION = ("recording_id", "version")
_COLUMNS = (*_VERSION, "uri", "reason", "detail", "attempt", "seen_at", "refused_by")


@dataclass(frozen=True)
class Refused:
    """Recordings of a date that one rule refused for one reason.

    Attributes:
        call_date: the date.
        reason: a value of `Reason`.
        refused_by: the rule, as text.
        count: number of recordings.
        attempts: the most tries of any.
        last_seen: when the last was refused.
        uri: of that recording.
        detail: of that refusal.
    """

    call_date: dt.date
    reason: str
    refused_by: str | None
    count: int
    attempts: int
    last_seen: dt.datetime
    uri: str
    detail: str | None


def refused(store: TableStore, date: dt.date, reason: str | None = None) -> list[Refused]:
    """The refusals of a date by reason and rule, the most frequent first; of one reason, or of all."""
    groups: dict[tuple[str, str | None], list[Mapping[str, Any]]] = defaultdict(list)
    for row in _last(store, date):
        if reason in {None, row["reason"]}:
            groups[row["reason"], row["refused_by"]].append(row)
    found = []
    for (of_reason, refused_by), rows in groups.items():
        newest = max(rows, key=lambda row: row["seen_at"])
        attempts = max(row["attempt"] or 0 for row in rows)
        example = (newest["seen_at"], newest["uri"], newest["detail"])
        found.append(Refused(date, of_reason, refused_by, len(rows), attempts, *example))
    return sorted(found, key=lambda group: (-group.count, group.reason))


def clear_refusals(store: TableStore, date: dt.date, reason: str | None) -> int:
    """Removes the refusals of a date, of one reason or of all, so that the next run tries again; the number of rows."""
    cleared = 0
    for key in store.files_of(QUARANTINE, call_date=date):
        rows = store.read(key)
        left = rows.slice(0, 0) if reason is None else rows.filter(pc.not_equal(rows["reason"], reason))
        cleared += len(rows) - len(left)
        if not len(left):
            store.delete(key)
        elif len(left) < len(rows):
            store.write(key, left)
    return cleared


def _last(store: TableStore, date: dt.date) -> Iterator[Mapping[str, Any]]:
    """The last refusal of each recording that counts."""
    rows = columns_on(store, QUARANTINE, date, _COLUMNS)
    if not len(rows):
        return
    recordings = columns_on(store, RECORDINGS, date, (*_VERSION, "gone_at", "duplicate_of"))
    live = recordings.filter(pc.and_(pc.is_null(recordings["gone_at"]), pc.is_null(recordings["duplicate_of"])))
    extracted = row_keys(columns_on(store, CHANNELS, date, _VERSION), _VERSION)
    names = row_keys(rows, _VERSION)
    counts = pc.is_in(names, value_set=row_keys(live, _VERSION))
    rows = rows.filter(pc.and_(counts, pc.invert(pc.is_in(names, value_set=extracted))))
    last = {(row["recording_id"], row["version"]): row for row in rows.sort_by("seen_at").to_pylist()}
    yield from last.values()
