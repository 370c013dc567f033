"""One call date of the archive: what was listed and what was known → the date's rows of `recordings`. No Spark."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ser_core.data.tables.packed import packed
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore, bucket_of, rows
from ser_core.errors import Reason
from ser_core.pipeline.state.date_state import DateRules, DateState

REASON, WITHOUT_METADATA = "reason", "without_metadata"
LISTED = RECORDINGS.schema.append(pa.field(REASON, pa.string())).append(pa.field(WITHOUT_METADATA, pa.bool_()))
"""A recording of the listing: `reason` says why it cannot be used; `without_metadata`: the metadata has no row of its
call, so what is known of it stays."""

MERGED = pa.schema(
    [
        ("call_date", pa.date32()),
        ("bucket", pa.int32()),
        ("rows", pa.binary()),
        *((name, pa.int64()) for name in ("listed", "known", "gone", "changed", "refused")),
        ("example", pa.string()),
    ]
)
"""A row for each bucket that has changed, with its packed `rows`; a row with bucket -1 for the date: counts, one refused
uri, and as `rows` its new refusals."""

_KEPT_WITHOUT_METADATA = ("agent_id", "queue", "started_at")
_NOT_COMPARED = ("run_id", "schema_version")
_DETAILS = {
    Reason.UNMATCHED_PATH.value: "the path does not match archive.pattern {pattern}",
    Reason.MISSING.value: "it is in the manifest, and there is no such object",
    Reason.FORBIDDEN.value: "it is in the manifest, and may not be read",
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class MergeDate:
    """Merges the listing of one call date with its known recordings. Picklable.

    Attributes:
        store: the tables.
        rules: by which refusals are judged.
        pattern: `archive.pattern`.
        buckets: of `recordings`.
        run_id: of the run.
        now: when the archive was listed.
    """

    store: TableStore
    rules: DateRules
    pattern: str | None
    buckets: int
    run_id: str
    now: dt.datetime

    def __call__(self, date: dt.date, listed: pa.Table, away: Collection[str], complete: bool) -> pa.Table:
        """Rows of `MERGED`.

        Args:
            date: the call date.
            listed: rows of `LISTED`, of this date.
            away: ids of recordings that have moved to another date.
            complete: the whole date was listed, so that what is not in `listed` is gone.
        """
        files = self.store.files_of(RECORDINGS, call_date=date)
        known = {row["recording_id"]: row for row in self.store.read_all(RECORDINGS, files).to_pylist()}
        seen = listed.to_pylist()
        merged = {row["recording_id"]: self._updated(row, known.get(row["recording_id"])) for row in seen}
        for recording, row in known.items():
            if recording not in merged and recording not in away:
                gone_at = row["gone_at"] or (self.now if complete else None)
                merged[recording] = {**row, "gone_at": gone_at}
        _mark_duplicates(merged.values())
        live = [row for row in known.values() if row["gone_at"] is None]
        refusals = self._refusals(date, seen)
        counts = {
            "listed": len(seen),
            "known": len(live) if complete else 0,
            "gone": sum(merged.get(row["recording_id"], {"gone_at": None})["gone_at"] is not None for row in live),
            "refused": len(refusals),
            "example": refusals[0]["uri"] if refusals else None,
        }
        changed = self._changed(date, known, merged)
        about = {**counts, "call_date": date, "bucket": -1, "changed": len(changed)}
        about["rows"] = packed(rows(QUARANTINE.schema, refusals)) if refusals else None
        return pa.Table.from_pylist([about, *changed], schema=MERGED)

    def _updated(self, row: Row, known: Row | None) -> dict[str, Any]:
        columns = {name: row[name] for name in RECORDINGS.schema.names}
        if known is None:
            return columns
        if row[WITHOUT_METADATA]:
            columns |= {name: known[name] for name in _KEPT_WITHOUT_METADATA if columns[name] is None}
            columns["extra"] = list({**dict(known["extra"] or ()), **dict(columns["extra"] or ())}.items())
        return columns

    def _changed(self, date: dt.date, known: Mapping[str, Row], merged: Mapping[str, Row]) -> list[Row]:
        """Rows of `MERGED` for the buckets that differ from what is known; rows that do not change keep their run_id."""
        before, after = (self._by_bucket(members) for members in (known.values(), merged.values()))
        first = not self.store.files_of(RECORDINGS, call_date=date)
        changed: list[Row] = []
        for bucket in range(self.buckets):
            kept = {row["recording_id"]: row for row in before[bucket]}
            chosen = [_same_or_new(kept.get(row["recording_id"]), row) for row in after[bucket]]
            if first or len(chosen) != len(kept) or any(kept.get(row["recording_id"]) is not row for row in chosen):
                ordered = sorted(chosen, key=lambda row: str(row["recording_id"]))
                changed.append({"call_date": date, "bucket": bucket, "rows": packed(rows(RECORDINGS.schema, ordered))})
        return changed

    def _by_bucket(self, members: Iterable[Row]) -> Mapping[int, list[Row]]:
        by_bucket: dict[int, list[Row]] = {bucket: [] for bucket in range(self.buckets)}
        for row in members:
            by_bucket[bucket_of(row["call_id"], self.buckets)].append(row)
        return by_bucket

    def _refusals(self, date: dt.date, seen: Iterable[Row]) -> list[Row]:
        """Rows of `quarantine` for what cannot be used: once a version, what may pass up to the limit."""
        refused = [row for row in seen if row[REASON] is not None]
        if not refused:
            return []
        sql = "SELECT recording_id, version, attempts, final FROM refused"
        state = DateState(self.store, date, self.rules)
        before = {(row["recording_id"], row["version"]): row for row in state.query(sql)}
        fresh: list[Row] = []
        for row in refused:
            known = before.get((row["recording_id"], row["version"]), {"attempts": 0, "final": False})
            if not known["final"]:
                named = {name: row[name] for name in ("recording_id", "version", "uri", REASON)}
                rule = {"refused_by": self.rules.refusal_rules[row[REASON]], "call_date": date}
                detail = _DETAILS[row[REASON]].format(pattern=self.pattern)
                attempt = {"attempt": known["attempts"] + 1, "seen_at": self.now, "run_id": self.run_id}
                fresh.append({**named, **rule, **attempt, "detail": detail})
        return fresh


def _same_or_new(known: Row | None, row: Row) -> Row:
    if known is not None and all(known[name] == value for name, value in _compared(row)):
        return known
    return row


def _compared(row: Row) -> Iterable[tuple[str, Any]]:
    return ((name, value) for name, value in row.items() if name not in _NOT_COMPARED)


def _mark_duplicates(recordings: Collection[dict[str, Any]]) -> None:
    """Sets `duplicate_of`: of several recordings of one call and leg the newest counts, present ones before gone ones."""
    legs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in recordings:
        extra = dict(row["extra"] or ())
        legs[row["call_id"], extra.get("role") or extra.get("channel") or ""].append(row)
    for members in legs.values():
        first = _newest(members)
        for row in members:
            row["duplicate_of"] = None if row is first else first["recording_id"]


def _newest(members: Sequence[dict[str, Any]]) -> dict[str, Any]:
    order = sorted(members, key=lambda row: row["recording_id"])
    order.sort(key=lambda row: row["modified_at"], reverse=True)
    return min(order, key=lambda row: row["gone_at"] is not None)
