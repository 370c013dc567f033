"""All rows of one call on its dates, in order of time."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
)
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.data.tables.table import Table
from ser_core.data.upkeep.call_rows import Calls, find
from ser_core.data.upkeep.rewrite import partition_files
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


def trace(
    store: TableStore, models: Storage, call_id: str, date: dt.date | None, pseudonyms: Pseudonyms | None
) -> list[Event]:
    """Events of a call: its rows of every table, their runs and models.

    Args:
        store: the tables.
        models: where bundles are.
        call_id: as the archive names it; with a secret, its hash is searched for too.
        date: of the call: no other date is read but those between which it has moved; None: every date that has it.
        pseudonyms: with the secret.

    Vectors are left out. Rows of earlier versions are included while the tables have them.
    """
    places = find(store, {call_id} | (pseudonyms.as_kept("call_id", call_id) if pseudonyms else set()), date)
    rows = {
        table: [row for day, calls in places.items() for row in _rows(store, table, day, calls)] for table in _OF_DATE
    }
    ids = frozenset(name for calls in places.values() for name in calls.recording_ids)
    by_recording = Calls(ids, frozenset(), frozenset(), dt.date.min)
    rows[LABELS] = [row for key in store.files(LABELS) for row in _matching(store, LABELS, key, by_recording)]
    extracted_by = {_extraction(row): row["run_id"] for row in rows[CHANNELS]}
    rows[FEATURES] = [{**row, "run_id": extracted_by.get(_extraction(row))} for row in rows[FEATURES]]
    names = {row["run_id"] for group in rows.values() for row in group if row.get("run_id")}
    runs = {row["run_id"]: row for row in _runs(store, sorted(names))}
    events = [Event(_time(table, row, runs), table.name, row) for table, group in rows.items() for row in group]
    events += [Event(row["started_at"], RUNS.name, row) for row in runs.values()]
    events += [Event(row["gone_at"], RECORDINGS.name, row) for row in rows[RECORDINGS] if row["gone_at"]]
    scored = {row["model_version"] for row in rows[SEGMENT_EMOTIONS]}
    events += [_model(models, model_version) for model_version in sorted(scored)]
    return sorted(events, key=lambda event: event.at or _UNTIMED)


_OF_DATE = (RECORDINGS, QUARANTINE, CHANNELS, FEATURES, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)


def _rows(store: TableStore, table: Table, date: dt.date, calls: Calls) -> Iterator[Mapping[str, Any]]:
    for key in partition_files(store, table, date):
        yield from _matching(store, table, key, calls)


def _matching(store: TableStore, table: Table, key: str, calls: Calls) -> list[Mapping[str, Any]]:
    """The calls' rows of a file; of a file without any, only the columns that name calls are read."""
    if not pc.any(calls.rows(store.read(key, ("recording_id", "call_id")))).as_py():
        return []
    names = [name for name in table.schema.names if name != "vector"]
    rows = store.read(key, names, schema=table.schema)
    found: list[Mapping[str, Any]] = rows.filter(calls.rows(rows)).to_pylist()
    return found


def _extraction(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in CHANNELS.key)


def _runs(store: TableStore, ids: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of `runs`: each in the file of its run, or where those of its month have been joined."""
    joined: dict[str, list[str]] = defaultdict(list)
    for run_id in ids:
        month = partition_path(RUNS, {"month": f"{run_id[:4]}-{run_id[4:6]}"})
        try:
            yield from store.read(f"{RUNS.name}/{month}{run_id}.parquet", schema=RUNS.schema).to_pylist()
        except ObjectMissingError:
            joined[month].append(run_id)
    for month, names in joined.items():
        for key in store.files(RUNS, month):
            yield from store.read(key, None, pc.field("run_id").isin(names), RUNS.schema).to_pylist()


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
