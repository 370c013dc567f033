"""One call date of the archive: what was listed and what was known → the date's rows of `recordings`. No Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config.settings import RoleSettings
from ser_core.data.tables.packed import packed
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore, bucket_of, rows
from ser_core.errors import Reason
from ser_core.pipeline.stages.duplicates import mark_duplicates
from ser_core.pipeline.state.date_state import DateRules, DateState

REASON, WITHOUT_METADATA, CAME_FROM = "reason", "without_metadata", "came_from"
LISTED = RECORDINGS.schema.append(pa.field(REASON, pa.string())).append(pa.field(WITHOUT_METADATA, pa.bool_()))
"""A recording of the listing: `reason` says why it cannot be used; `without_metadata`: the metadata has no row of its
call, so what is known of it stays."""

PLACED = LISTED.append(pa.field(CAME_FROM, pa.list_(pa.date32())))
"""A listed recording, and the other dates that it is known under."""

MERGED = pa.schema(
    [
        ("call_date", pa.date32()),
        ("bucket", pa.int32()),
        ("phase", pa.int32()),
        ("rows", pa.binary()),
        *(
            (name, pa.int64())
            for name in ("listed", "live", "known", "gone", "changed", "may_move", "without_metadata")
        ),
        ("reasons", pa.list_(pa.string())),
        ("example", pa.string()),
    ]
)
"""A row for each bucket that has changed, with its packed `rows`; a row with bucket -1 for the date: counts, the reason
of each new refusal, the uri of one, and as `rows` the refusals.

`phase` is 0 or 1. A recording that moves is in phase 0 in its new date, and until phase 1 in its old date too: a run
that is killed loses none."""

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
        roles: by which the legs of a call are told apart.
        pattern: `archive.pattern`.
        listed_below: how the uris begin of all that was listed; None: the whole archive was.
        buckets: of `recordings`.
        run_id: of the run.
        now: when the archive was listed.
    """

    store: TableStore
    rules: DateRules
    roles: RoleSettings
    pattern: str | None
    listed_below: tuple[str, ...] | None
    buckets: int
    run_id: str
    now: dt.datetime

    def __call__(self, date: dt.date, placed: Sequence[Row], away: Collection[str], complete: bool) -> pa.Table:
        """Rows of `MERGED`.

        Args:
            date: the call date.
            placed: rows of `PLACED`, of this date.
            away: ids of recordings that are known here and have moved to another date.
            complete: all recordings of the date were listed, so that what is not in `placed` is gone.
        """
        before = self._known(date)
        known = {row["recording_id"]: row for row in before}
        elsewhere = self._elsewhere(placed)
        merged = {row["recording_id"]: self._updated(row, known, elsewhere) for row in placed}
        for recording, row in known.items():
            if recording not in merged and recording not in away:
                missed = row["gone_at"] or (self.now if complete and self._was_looked_for(row) else None)
                merged[recording] = {**row, "gone_at": missed}
        unusable = {row["recording_id"] for row in placed if row[REASON] in {Reason.MISSING, Reason.FORBIDDEN}}
        mark_duplicates(merged.values(), unusable, self.roles)
        live = [row for row in known.values() if row["gone_at"] is None and complete and self._was_looked_for(row)]
        refusals = self._refusals(date, placed)
        left = {recording: row for recording, row in known.items() if recording in away}
        early = self._changed(date, before, {**merged, **left}, 0) if left and elsewhere else []
        changed = self._changed(date, before, merged, 1 if left else 0)
        about = {
            "call_date": date,
            "bucket": -1,
            "phase": 0,
            "rows": packed(rows(QUARANTINE.schema, refusals)) if refusals else None,
            "listed": len(placed),
            "live": sum(row["gone_at"] is None and row["duplicate_of"] is None for row in merged.values()),
            "known": len(live),
            "gone": sum(merged.get(row["recording_id"], {"gone_at": None})["gone_at"] is not None for row in live),
            "changed": len(changed),
            "may_move": sum(row["call_date_source"] != "path" for row in merged.values()),
            "without_metadata": sum(row[WITHOUT_METADATA] for row in placed),
            "reasons": [row["reason"] for row in refusals],
            "example": refusals[0]["uri"] if refusals else None,
        }
        return pa.Table.from_pylist([about, *early, *changed], schema=MERGED)

    def _known(self, date: dt.date) -> list[Row]:
        files = self.store.files_of(RECORDINGS, call_date=date)
        known: list[Row] = self.store.read_all(RECORDINGS, files).drop_columns("file").to_pylist()
        return known

    def _elsewhere(self, placed: Iterable[Row]) -> Mapping[str, Row]:
        """The rows of recordings that come from other dates, of several the last that was written."""
        coming = [row for row in placed if row[CAME_FROM]]
        ids = pa.array([row["recording_id"] for row in coming], pa.string())
        found: list[Row] = []
        for date in sorted({date for row in coming for date in row[CAME_FROM]}):
            table = self.store.read_all(RECORDINGS, self.store.files_of(RECORDINGS, call_date=date))
            found += table.filter(pc.is_in(table["recording_id"], ids)).to_pylist()
        return {row["recording_id"]: row for row in sorted(found, key=lambda row: str(row["run_id"]))}

    def _was_looked_for(self, known: Row) -> bool:
        """Whether the listing has a recording if it is still there. A date in the path is in the uri's beginning."""
        below = self.listed_below
        return below is None or known["call_date_source"] == "path" or known["uri"].startswith(below)

    def _updated(self, row: Row, here: Mapping[str, Row], elsewhere: Mapping[str, Row]) -> dict[str, Any]:
        """The new row of a listed recording. What the metadata has said of its call stays until it says otherwise."""
        columns = {name: row[name] for name in RECORDINGS.schema.names}
        known = here.get(row["recording_id"]) or elsewhere.get(row["recording_id"])
        if known is not None and row[WITHOUT_METADATA] and known["call_id"] == row["call_id"]:
            columns |= {name: known[name] for name in _KEPT_WITHOUT_METADATA if columns[name] is None}
            columns["extra"] = sorted({**dict(known["extra"] or ()), **dict(columns["extra"] or ())}.items())
        return columns

    def _changed(self, date: dt.date, known: Sequence[Row], merged: Mapping[str, Row], phase: int) -> list[Row]:
        """Rows of `MERGED` for the buckets that differ from what is known. An unchanged row keeps its run_id."""
        before, after = self._by_bucket(known), self._by_bucket(merged.values())
        first = not known and bool(merged)  # every bucket of a new date has its file
        changed: list[Row] = []
        for bucket in range(self.buckets):
            kept = {row["recording_id"]: row for row in before[bucket]}
            chosen = [_same_or_new(kept.get(row["recording_id"]), row) for row in after[bucket]]
            same = len(chosen) == len(before[bucket]) and all(kept.get(row["recording_id"]) is row for row in chosen)
            if first or not same:
                ordered = rows(RECORDINGS.schema, sorted(chosen, key=lambda row: str(row["recording_id"])))
                changed.append({"call_date": date, "bucket": bucket, "phase": phase, "rows": packed(ordered)})
        return changed

    def _by_bucket(self, members: Iterable[Row]) -> Mapping[int, list[Row]]:
        by_bucket: dict[int, list[Row]] = {bucket: [] for bucket in range(self.buckets)}
        for row in members:
            by_bucket[bucket_of(row["call_id"], self.buckets)].append(row)
        return by_bucket

    def _refusals(self, date: dt.date, placed: Iterable[Row]) -> list[Row]:
        """Rows of `quarantine` for what cannot be used: once a version, what may pass up to the limit."""
        refused = [row for row in placed if row[REASON] is not None]
        if not refused:
            return []
        sql = "SELECT recording_id, version, attempts, final FROM refused"
        dates = [*sorted({other for row in refused for other in row[CAME_FROM] or ()}), date]
        states = [DateState(self.store, of_date, self.rules) for of_date in dates]
        before = {(row["recording_id"], row["version"]): row for state in states for row in state.query(sql)}
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
