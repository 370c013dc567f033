"""All rows of one call, in order of time."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import Storage
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    FEATURES,
    LABELS,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
    Table,
)
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.call_rows import Wanted, find
from ser_core.errors import ObjectMissingError

_TIME = {QUARANTINE.name: "seen_at", SEGMENT_EMOTIONS.name: "scored_at", RECORDINGS.name: "modified_at"}
_UNTIMED = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Event:
    """One row and its time, UTC; None where unknown. `models` counts as a table."""

    at: dt.datetime | None
    table: str
    row: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain values; times are ISO 8601 where they are printed."""
        return {"at": self.at, "table": self.table, "row": dict(self.row)}


def trace(store: TableStore, models: Storage, call_id: str, pseudonyms: Pseudonyms | None) -> list[Event]:
    """Events of a call: its rows of every table, their runs and models.

    Args:
        store: the tables.
        models: where bundles are.
        call_id: as the archive names it; with a secret, its hash is searched for too.
        pseudonyms: with the secret.

    Vectors are left out. Rows of earlier versions are included while the tables have them.
    """
    names = {call_id} | ({pseudonyms.call(call_id)} if pseudonyms else set())
    wanted = find(store, names, None)
    rows = {table: list(_rows(store, table, wanted)) for table in _TABLES}
    extracted_by = {_extraction(row): row["run_id"] for row in rows[CHANNELS]}
    rows[FEATURES] = [{**row, "run_id": extracted_by.get(_extraction(row))} for row in rows[FEATURES]]
    ids = {row["run_id"] for group in rows.values() for row in group if row.get("run_id")}
    runs = {row["run_id"]: row for row in _runs(store, ids)}
    events = [Event(_time(table, row, runs), table.name, row) for table, group in rows.items() for row in group]
    events += [Event(row["started_at"], RUNS.name, row) for row in runs.values()]
    events += [Event(row["gone_at"], RECORDINGS.name, row) for row in rows[RECORDINGS] if row["gone_at"]]
    scored = {row["model_version"] for row in rows[SEGMENT_EMOTIONS]}
    events += [_model(models, model_version) for model_version in sorted(scored)]
    return sorted(events, key=lambda event: event.at or _UNTIMED)


_TABLES = (RECORDINGS, QUARANTINE, CHANNELS, FEATURES, LABELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)


def _rows(store: TableStore, table: Table, wanted: Wanted) -> Iterator[Mapping[str, Any]]:
    if not wanted.recording_ids and not wanted.call_ids:
        return
    columns = [name for name in table.schema.names if name != "vector"]
    by_recording = "recording_id" in columns
    if by_recording and not wanted.recording_ids:
        return
    column, values = ("recording_id", wanted.recording_ids) if by_recording else ("call_id", wanted.call_ids)
    for key in store.files(table):
        if wanted.may_be_in(store, table, key):
            matching = store.read(key, columns, pc.field(column).isin(sorted(values)), table.schema)
            yield from matching.to_pylist()


def _extraction(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in CHANNELS.key)


def _runs(store: TableStore, ids: Collection[str]) -> Iterator[Mapping[str, Any]]:
    for key in store.files(RUNS) if ids else ():
        yield from store.read(key, None, pc.field("run_id").isin(sorted(ids)), RUNS.schema).to_pylist()


def _time(table: Table, row: Mapping[str, Any], runs: Mapping[str, Mapping[str, Any]]) -> dt.datetime | None:
    """The time of a row: its own, else the end of its run, else the time in the run's name."""
    if table.name in _TIME:
        return _moment(row[_TIME[table.name]])
    run_id = str(row.get("run_id"))
    if run_id in runs:
        return _moment(runs[run_id]["finished_at"])
    try:
        return dt.datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _moment(value: Any) -> dt.datetime | None:
    return value if isinstance(value, dt.datetime) else None


def _model(models: Storage, model_version: str) -> Event:
    """A model by its manifest, or by its name where it was deleted."""
    try:
        manifest = json.loads(models.read(f"{model_version}/manifest.json"))
    except ObjectMissingError:
        return Event(None, "models", {"model_version": model_version, "status": "not there any more"})
    names = ("feature_set", "label_scheme", "training")
    facts = {name: _brief(manifest[name]) for name in names}
    created_at = dt.datetime.fromisoformat(manifest["created_at"])
    return Event(created_at, "models", {"model_version": model_version, **facts})


def _brief(section: Mapping[str, Any]) -> Any:
    return next(section[name] for name in ("id", "name", "corpus") if name in section)


def summarised(events: Sequence[Event]) -> list[dict[str, str]]:
    """One line per event for a terminal; segments of one model and run, and vectors of one run, share a line."""
    lines: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for place, event in enumerate(events):
        row = event.row
        joined = event.table in {SEGMENT_EMOTIONS.name, FEATURES.name, LABELS.name}
        own = (row.get("run_id"), row.get("version"), row.get("model_version"), row.get("channel"))
        lines[(event.table, *own) if joined else (place,)].append(event)
    return [_line(several) for several in lines.values()]


def _line(events: Sequence[Event]) -> dict[str, str]:
    first = events[0]
    shown = _SHOWN[first.table]
    what = ", ".join(f"{name} {first.row[name]}" for name in shown if first.row.get(name) is not None)
    count = f"{len(events)} rows, " if len(events) > 1 else ""
    at = "–" if first.at is None else f"{first.at:%Y-%m-%d %H:%M:%S}"
    return {"at": at, "table": first.table, "run": str(first.row.get("run_id") or "–"), "what": count + what}


_SHOWN = {
    RECORDINGS.name: ("uri", "version", "call_date", "duplicate_of", "gone_at"),
    QUARANTINE.name: ("reason", "attempt", "version", "detail"),
    CHANNELS.name: ("channel", "role", "codec", "duration_s", "segments", "feature_set", "version"),
    FEATURES.name: ("channel", "feature_set", "version"),
    LABELS.name: ("emotion", "annotator", "corpus"),
    SEGMENT_EMOTIONS.name: ("model_version", "channel", "role"),
    CALL_EMOTIONS.name: ("role", "dominant_emotion", "valence", "model_version"),
    CALL_TALK.name: ("duration_s", "customer_talk_s", "agent_talk_s"),
    RUNS.name: ("job", "status", "finished_at", "detail"),
    "models": ("model_version", "feature_set", "training", "status"),
}
