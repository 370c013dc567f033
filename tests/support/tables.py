"""Tables made by hand, without Spark, and a storage that stops a run at a chosen step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ser_core.data.storage import Storage
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.newest import features_key
from ser_core.data.tables.schemas import (
    AS_RECORDED,
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    DATES,
    FEATURES,
    LABELS,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
    Table,
    features_schema,
)
from ser_core.data.tables.store import TableStore, bucket_key, bucket_of, log_key, partition_path, rows

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
BUCKETS, DIMENSION, SET = 2, 3, "paper-3@8k:abc"
MODEL = "emotions/1"


class StopError(Exception):
    """The machine is off."""


class Stopping(FolderStorage):
    """A folder that fails at the `stop_at`-th change, and counts the changes."""

    def __init__(self, root: Path, stop_at: int | None = None) -> None:
        super().__init__(root)
        self.changes, self.stop_at = 0, stop_at

    def _step(self) -> None:
        if self.changes == self.stop_at:
            raise StopError(f"at change {self.changes}")
        self.changes += 1

    def put(self, key: str, data: Any) -> None:
        self._step()
        super().put(key, data)

    def delete(self, key: str) -> None:
        self._step()
        super().delete(key)


def opened(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of which anything is read from now on."""
    seen: list[str] = []
    for name in ("fetch", "open_ranges"):
        whole = getattr(storage, name)
        monkeypatch.setattr(storage, name, partial(_noted, whole, seen))
    return seen


def _noted(whole: Any, seen: list[str], key: str, *more: Any, **named: Any) -> Any:
    seen.append(key)
    return whole(key, *more, **named)


def at(hour: int) -> dt.datetime:
    """A time on Wednesday."""
    return dt.datetime(2026, 3, 4, hour, tzinfo=dt.UTC)


def run_id(hour: int) -> str:
    """A run's name that sorts by time."""
    return f"{at(hour):%Y%m%dT%H%M%S}-abcdef"


def run_key(run: str) -> str:
    """The file of a run's row."""
    return f"{RUNS.name}/{partition_path(RUNS, {'month': f'{run[:4]}-{run[4:6]}'})}{run}.parquet"


def recording(name: str, call: str, day: dt.date, version: str = "v1", **more: Any) -> dict[str, Any]:
    """A row of `recordings`."""
    row = {"recording_id": name, "version": version, "call_id": call, "call_date": day, "uri": f"/archive/{call}.wav"}
    return {**row, "modified_at": at(1), "run_id": run_id(2), **more}


def extraction(
    store: TableStore, run: str, task: int, recordings: Iterable[tuple[str, str, str, dt.date]], feature_set: str = SET
) -> None:
    """Files of one extraction task: (recording_id, version, call_id, date) each with two channels of two segments."""
    every = list(recordings)
    for date in sorted({day for *_, day in every}):
        channels, features = [], []
        for name, version, call in [given[:3] for given in every if given[3] == date]:
            for channel, role in enumerate(("customer", "agent")):
                key = {
                    "recording_id": name, "version": version, "channel": channel, "feature_set": feature_set,
                    "condition": AS_RECORDED,
                }  # fmt: skip
                own = {"call_id": call, "call_date": date, "role": role, "codec": "pcm", "segments": 2, "run_id": run}
                channels.append({**key, **own, "duration_s": 4.0})
                features += [
                    {**key, "segment_no": n, "start_s": 2.0 * n, "vector": [n, channel, 1.0]} for n in range(2)
                ]
        store.write(log_key(FEATURES, run, task, call_date=date), rows(features_schema(DIMENSION), features))
        store.write(log_key(CHANNELS, run, task, call_date=date), rows(CHANNELS.schema, channels))


def refusal(store: TableStore, run: str, task: int, name: str, day: dt.date, **more: Any) -> None:
    """A file of `quarantine` with one row."""
    row = {"recording_id": name, "version": "v1", "run_id": run, "uri": f"/archive/{name}.wav", "attempt": 1}
    row |= {"reason": "not_audio", "detail": "text", "seen_at": at(3), "refused_by": "rule", "call_date": day, **more}
    store.write(log_key(QUARANTINE, run, task, call_date=day), rows(QUARANTINE.schema, [row]))


def derived(store: TableStore, table: Table, given: Iterable[Mapping[str, Any]], days: Iterable[dt.date]) -> None:
    """All buckets of `days`."""
    kept = store.buckets(table, BUCKETS)
    every = list(given)
    for day in days:
        for bucket in range(kept):
            own = [r for r in every if r["call_date"] == day and bucket_of(r["call_id"], kept) == bucket]
            values = {"model_version": MODEL, "call_date": day}
            store.write(bucket_key(table, values, bucket), rows(table.schema, own))


CALLS = {"c1": ("r1", MONDAY), "c2": ("r2", MONDAY), "c3": ("r3", TUESDAY), "c4": ("r4", TUESDAY)}


def fill(store: TableStore) -> None:
    """Four calls on two days, through every table: c1 to c3 scored, c4 refused, c2 with a label."""
    days = (MONDAY, TUESDAY)
    derived(store, RECORDINGS, [recording(r, c, day) for c, (r, day) in CALLS.items()], days)
    extracted = {call: place for call, place in CALLS.items() if call != "c4"}
    for task, (call, (name, day)) in enumerate(extracted.items()):
        extraction(store, run_id(3), task, [(name, "v1", call, day)])
    refusal(
        store, run_id(3), 0, "r4", TUESDAY, uri="/archive/c4.wav", detail="/archive/c4.wav holds text", seen_at=at(3)
    )
    label = {"recording_id": "r2", "channel": 0, "start_s": 0.0, "end_s": 2.0, "annotator": "x", "corpus": "own"}
    store.write("labels/own.parquet", rows(LABELS.schema, [{**label, "emotion": "sad"}]))
    scored = {"model_version": MODEL, "role": "customer", "run_id": run_id(4)}
    segments = [
        {**scored, "recording_id": r, "call_id": c, "call_date": day, "channel": 0, "segment_no": n, "scored_at": at(4)}
        for c, (r, day) in extracted.items()
        for n in range(2)
    ]
    derived(store, SEGMENT_EMOTIONS, segments, days)
    calls = [{**scored, "call_id": c, "call_date": day, "dominant_emotion": "sad"} for c, (_, day) in extracted.items()]
    derived(store, CALL_EMOTIONS, calls, days)
    talk = [
        {"call_id": c, "call_date": day, "duration_s": 4.0, "run_id": run_id(4)} for c, (_, day) in extracted.items()
    ]
    derived(store, CALL_TALK, talk, days)
    for hour, job in ((2, "ingest"), (3, "extract"), (4, "score")):
        detail = "StorageError: /archive/c2.wav and c21 cannot be read" if job == "extract" else None
        run = {"run_id": run_id(hour), "job": job, "started_at": at(hour), "finished_at": at(hour), "detail": detail}
        store.write(run_key(run_id(hour)), rows(RUNS.schema, [{**run, "status": "done", "month": "2026-03"}]))
    of_date = {"models": [MODEL], "model_version": MODEL, "published_at": at(4), "listed": 2, "open": False}
    counts = ({"extracted": 2, "scored": 2, "segments": 4, "refused": 0}, {"extracted": 1, "scored": 1, "segments": 2})
    given = [{**of_date, "call_date": day, **own} for day, own in zip(days, counts, strict=True)]
    store.write("dates/dates.parquet", rows(DATES.schema, [{"refused": 1, "silent": 0, **row} for row in given]))


def counted(store: TableStore, feature_set: str = SET) -> dict[tuple[str, str], tuple[str, int, int]]:
    """What readers use, computed slowly: by recording and version, the file that counts, its channels and vectors."""
    counts: dict[tuple[str, str], tuple[str, int, int]] = {}
    for key in store.files(CHANNELS):
        table = [row for row in store.read(key).to_pylist() if row["feature_set"] == feature_set]
        vectors = features_key(key)
        features = store.read(vectors).to_pylist() if store.storage.exists(vectors) else []
        for place in {(row["recording_id"], row["version"]) for row in table}:
            channels = [row for row in table if (row["recording_id"], row["version"]) == place]
            own = [row for row in features if (row["recording_id"], row["version"]) == place]
            counts[place] = (key, len(channels), len([row for row in own if row["feature_set"] == feature_set]))
    return counts


def taken(store: TableStore, feature_set: str = SET) -> dict[tuple[str, str], tuple[int, int]]:
    """As `counted`, without the file."""
    return {place: (channels, vectors) for place, (_, channels, vectors) in counted(store, feature_set).items()}


def everything(storage: Storage) -> bytes:
    """All bytes below a root, Parquet files uncompressed and as text."""
    parts = []
    for info in storage.list():
        data = storage.read(info.key)
        if info.key.endswith(".parquet"):
            data = str(pq.read_table(pa.BufferReader(data), partitioning=None).to_pydict()).encode()
        parts.append(info.key.encode() + b"\n" + data)
    return b"\n".join(parts)
