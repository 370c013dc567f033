"""Tables with any number of nights: a real small night, then copies of what it left under other names and dates."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ser_core.config import Settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    DATES,
    FEATURES,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
    Table,
    features_schema,
)
from ser_core.data.tables.store import TableStore, bucket_key, log_key
from ser_core.pipeline.engine import balance
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.score_plan import ScorePlan
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.inputs import Inputs, fingerprint
from ser_core.scoring.profile import Profile
from tests.benchmarks.history_files import Unsafe
from tests.benchmarks.history_rows import Call, Copies, Day, Places

LOGS = (FEATURES, CHANNELS, QUARANTINE)
DERIVED = (RECORDINGS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)
SLOTS = 2
_MB = 2**20
_OLD_ROWS = 2
_A_NIGHTS_DATES = 6
_DAY = dt.timedelta(days=1)


class History:
    """Makes tables of many nights.

    Args:
        settings: whose tables are those of a real night of one date.
        date: of that night.
        calls: how many calls every date has.
    """

    def __init__(self, settings: Settings, date: dt.date, calls: int) -> None:
        self.settings, self.date, self.calls = settings, date, calls
        self._source = TableStore(FolderStorage(settings.tables.uri))
        self._rows = {table: self._read(table) for table in (*LOGS, *DERIVED)}
        recordings = self._rows[RECORDINGS].to_pylist()
        self._numbers = {row["recording_id"]: number for number, row in enumerate(recordings)}
        self._numbers |= {row["call_id"]: number for number, row in enumerate(recordings)}
        self._kinds = [Call(row["agent_id"], row["size_bytes"]) for row in recordings]
        (scored,) = self._source.partitions(SEGMENT_EMOTIONS)
        self.model_version = scored["model_version"]
        self._made: dict[int, Mapping[Table, Copies]] = {}

    def day(self, date: dt.date, calls: int | None = None) -> Day:
        """The names of the calls of a date."""
        count = self.calls if calls is None else calls
        return Day(date, count, self._kinds, self.settings.archive.name, str(self.settings.archive.uri))

    def start(self, root: Path) -> None:
        """Tables in which nothing is yet but what does not belong to a date."""
        store = TableStore(Unsafe(root))
        skipped = (f"{DATES.name}/", f"{RUNS.name}/month=2", "_lease/", "_state/lease/")
        for info in self._source.storage.list():
            if str(self.date) not in info.key and not info.key.startswith(skipped):
                store.storage.put(info.key, self._source.storage.read(info.key))

    def add(self, root: Path, dates: Iterable[dt.date], *, full: bool) -> None:
        """Adds nights of these dates, whole ones or those of which no more than names is kept of features and scores.

        Their calls are published and nothing is open.
        """
        store = TableStore(Unsafe(root))
        every, rows = sorted(dates), Dates(store)
        for date in every:
            run_id = self._run(store, date)
            self.write_logs(store, self.day(date), run_id, full=full)
            self._write_derived(store, self.day(date), run_id, full=full)
            self._write_state(store, date)
        if not every:
            return
        facts, marks = self._facts(store, every, full=full)
        published = {"models": [self.model_version], "model_version": self.model_version, "open": False}
        seed = {name: value for name, value in Dates(self._source).row(self.date).items() if name != "call_date"}
        for date in every:
            rows.update(date, **{**seed, **published, **facts})
            for inputs, by_date in marks:
                inputs.keep({date: by_date[date]})
        rows.save()

    def write_logs(self, store: TableStore, day: Day, run_id: str, *, full: bool = True) -> None:
        """What extraction leaves of a date: as many files as it deals tasks, each of whole recordings."""
        tasks = self._tasks(day)
        task = np.arange(day.count) * tasks // day.count
        for table in LOGS:
            copies = self._copies(day.count)[table]
            most = None if full or table is not FEATURES else _OLD_ROWS
            for number, places in copies.by(task, tasks, most):
                if len(places):
                    key = log_key(table, run_id, number, number, call_date=day.date)
                    self._write(store, key, copies.named(day, run_id, places))

    def _write_derived(self, store: TableStore, day: Day, run_id: str, *, full: bool) -> None:
        count = self.settings.tables.buckets
        bucket = day.buckets(count)
        values = {"call_date": day.date, "model_version": self.model_version}
        for table in DERIVED:
            copies = self._copies(day.count)[table]
            most = None if full or table is not SEGMENT_EMOTIONS else _OLD_ROWS
            for number, places in copies.by(bucket, count, most):
                store.write(bucket_key(table, values, number), copies.named(day, run_id, places))

    def _write(self, store: TableStore, key: str, rows: pa.Table) -> None:
        if key.startswith(f"{FEATURES.name}/"):
            schema = features_schema(rows.schema.field("vector").type.list_size)
            with store.stream(key, schema) as writer:
                writer.write_table(rows.select(schema.names).cast(schema), row_group_size=4 * _MB // 720)
        else:
            store.write(key, rows)

    def _write_state(self, store: TableStore, date: dt.date) -> None:
        """What is kept of a date beside the tables, but for the digests of its inputs."""
        for info in self._source.storage.list("_state/"):
            if str(self.date) not in info.key:
                continue
            data = self._source.storage.read(info.key)
            if info.key.startswith("_state/profiles/"):
                data = self._profile(Profile.of_json(data), date).to_json()
            store.storage.put(info.key.replace(str(self.date), str(date)), data.replace(*_bytes(self.date, date)))

    def _profile(self, seed: Profile, date: dt.date) -> Profile:
        times = max(1, self.calls // len(self._kinds))

        def more(value: Any) -> Any:
            if isinstance(value, int):
                return value * times
            if isinstance(value, float):  # a mean
                return value
            if isinstance(value, Mapping):
                return {name: more(each) for name, each in value.items()}
            return [more(each) for each in value]

        named = {field.name: getattr(seed, field.name) for field in dataclasses.fields(seed)}
        return Profile(**{name: date if name == "call_date" else more(value) for name, value in named.items()})

    def _run(self, store: TableStore, date: dt.date) -> str:
        """Rows of `runs` of a night, from those of the real one; returns the id of the extraction's run."""
        extraction = ""
        ids: dict[str, str] = {}
        night = dt.datetime.combine(date + _DAY, dt.time(2), dt.UTC)
        files = self._source.files(RUNS)
        tables = [self._source.read(key, schema=RUNS.schema).to_pylist() for key in files]
        for number, row in enumerate(row for rows in tables for row in rows):
            mark = hashlib.sha256(f"{date}{number}".encode()).hexdigest()[:6]
            ids[row["run_id"]] = f"{night + number * dt.timedelta(minutes=1):%Y%m%dT%H%M%S}-{mark}"
            extraction = ids[row["run_id"]] if row["job"] == "extract" else extraction
        moved = {"call_date": date, "month": f"{night:%Y-%m}"}
        moved |= dict.fromkeys(("started_at", "finished_at", "updated_at"), night)
        for row in (row for rows in tables for row in rows):
            run_id, parent = ids[row["run_id"]], ids.get(row["parent_run_id"] or "")
            table = pa.Table.from_pylist([{**row, **moved, "run_id": run_id, "parent_run_id": parent}], RUNS.schema)
            store.write(f"{RUNS.name}/month={night:%Y-%m}/{run_id}.parquet", table)
        return extraction

    def _facts(
        self, store: TableStore, dates: Sequence[dt.date], *, full: bool
    ) -> tuple[Mapping[str, int], list[tuple[Inputs, Mapping[dt.date, str]]]]:
        """What `dates` has of each date, and the marks of the inputs from which its scores and its talk were made."""
        score = Score(self.settings)
        plan = ScorePlan(store, score.date_rules, self.settings)
        looked_at = dates[-_A_NIGHTS_DATES:] if full else dates[-1:]  # the others have rows of the same numbers
        plans = {date: plan(date).to_pylist()[0] for date in looked_at}
        last = plans[dates[-1]]
        facts = {name: last[name] for name in ("refused", "silent", "segments")}
        facts |= {"listed": last["recordings"], "scored": last["calls"]}
        facts["extracted"] = last["recordings"] - last["refused"]
        marks = []
        for inputs, name in (
            (dataclasses.replace(score.inputs, store=store), "score_inputs"),
            (Inputs(store, CALL_TALK, {}, fingerprint(self.settings.talk)), "talk_inputs"),
        ):
            stale = inputs.stale({date: row[name] for date, row in plans.items()})
            marks.append((inputs, dict.fromkeys(dates, next(iter(stale.values()))) | stale))
        return facts, marks

    def _copies(self, count: int) -> Mapping[Table, Copies]:
        if count not in self._made:
            calls = len(self._kinds)
            self._made[count] = {
                table: Copies.of(table, rows, self._call(rows), calls, count) for table, rows in self._rows.items()
            }
        return self._made[count]

    def _call(self, rows: pa.Table) -> Places:
        name = "recording_id" if "recording_id" in rows.column_names else "call_id"
        return np.array([self._numbers[value] for value in rows[name].to_pylist()])

    def _tasks(self, day: Day) -> int:
        """Tasks that extraction deals the recordings of a date to."""
        sizes = np.array([size for _, size in day.sizes()])
        kind, place = np.unique(np.floor(np.log2(sizes) * 2).astype(int), return_inverse=True)
        counted = {"size_class": kind, "n": np.bincount(place), "total": np.bincount(place, weights=sizes)}
        target = self.settings.spark.partition_mb * _MB
        return sum(each.tasks for each in balance._plan(pa.table(counted), target, SLOTS))

    def _read(self, table: Table) -> pa.Table:
        parts = [self._source.read(key) for key in self._source.files(table)]
        rows = pa.concat_tables(parts)
        first = [name for name in ("recording_id", "call_id", "channel", "segment_no") if name in rows.column_names]
        return rows.sort_by([(name, "ascending") for name in first])


def _bytes(old: dt.date, new: dt.date) -> tuple[bytes, bytes]:
    return str(old).encode(), str(new).encode()
