"""Recordings → channels, features, quarantine: the only stage that reads audio, once per recording."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa
from pyspark import Accumulator, TaskContext
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.layout import fit_features
from ser_core.data.tables.packed import packed
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.errors import SerError
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.balance import balance
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.engine.recording_source import Sources
from ser_core.pipeline.stages.extract_task import REPORT, ExtractTask
from ser_core.pipeline.stages.extracted_files import ExtractedFiles
from ser_core.pipeline.state.date_state import RECORDING_KEY, DateRules, DateState
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from ser_core.pipeline.state.scope import Scope
from ser_core.sound.augmentation import RECORDED, Condition
from ser_core.sound.extraction import ExtractionPlan
from ser_core.sound.features import feature_set

_log = logging.getLogger(__name__)
_ACCOUNT = ("listed", "done_before", "extracted", "refused_now", "refused_before")
_COUNT = pa.schema([("call_date", pa.date32()), *((name, pa.int64()) for name in (*_ACCOUNT, "silent"))])
_PLAN = _COUNT.append(pa.field("todo", pa.int64())).append(pa.field("recordings", pa.binary()))
_COUNTS = tuple(name for name in _PLAN.names if name != "recordings")
_TODO = pa.schema(
    [
        *(RECORDINGS.schema.field(name) for name in (*RECORDING_KEY, "uri", "size_bytes", "call_id", "call_date")),
        *((name, pa.string()) for name in ("roles", "leg_role", "leg_channel")),
        ("conditions", pa.list_(pa.string())),
        ("attempt", pa.int32()),
    ]
)


class Extract:
    """Extracts the features of every recording that lacks them, and quarantines those that cannot be used.

    An archive is extracted as recorded, a corpus also under each of `conditions`. A recording is decoded once for all
    conditions that it lacks. If it is longer than `ser_core.sound.extraction.LONGEST_COPIED_S`, it is extracted as
    recorded only.
    """

    name: ClassVar[str] = "extract"
    leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings, scope: Scope | None = None, conditions: Sequence[Condition] = ()) -> None:
        self.settings = settings
        self.conditions = (RECORDED, *conditions)
        self.scope = scope or Scope.of(settings)
        self.features = feature_set(settings.features, settings.segments)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        check_place("tables.uri", self.store.storage, may_be_new=True)
        self.plan = ExtractionPlan.of(settings)
        self.rules = DateRules.of(settings, self.features.id, conditions)

    def run(self, cluster: Cluster, run: Run) -> None:
        """Extracts new recordings, then counts on the written tables what became of every recording in scope.

        Raises:
            SerError: the tables do not account for every recording that was listed.
        """
        self.store.fence = run.fences.get(TABLES_LEASE)
        run.facts["feature_set"] = self.features.id
        dates = Dates(self.store)
        scope = self.scope.listed(self.store)
        plan = partial(_plan, self.store, self.rules, run.run_id)
        with cluster.of_dates(plan, scope, _PLAN, dates.listed(scope)) as planned:
            counts = {row["call_date"]: row for row in planned.table(*_COUNTS).to_pylist()}
            todo = [date for date, row in counts.items() if row["todo"]]
            recordings = sum(row["todo"] for row in counts.values())
            _log.info("%d recordings to extract as %s", recordings, self.features.id)
            if todo:
                fit_features(self.store, self.features.dimension)
                self._extract(cluster, planned, recordings, run)
                after = cluster.of_dates(partial(_count, self.store, self.rules, run.run_id), todo, _COUNT, recordings)
                counts |= {row["call_date"]: row for row in after.table().to_pylist()}
        for date, row in counts.items():
            if row["listed"] or dates.row(date):
                _note(dates, date, row, run)
        dates.save()
        run.facts |= {name: sum(row[name] for row in counts.values()) for name in _ACCOUNT}
        _check(run.facts)
        if not run.facts["listed"]:
            _log.warning("no recordings in scope below %s: run `ser ingest` first", self.settings.tables.uri)

    def _extract(self, cluster: Cluster, planned: Rows, recordings: int, run: Run) -> None:
        todo = planned.unpacked("recordings", _TODO).withColumn(
            "work_bytes", F.col("size_bytes") * F.size("conditions")
        )
        slots = cluster.session.sparkContext.defaultParallelism
        spread = balance(todo, "work_bytes", self.settings.spark.partition_mb * MB, slots)
        rules = self.rules.refusal_rules
        with cluster.progress.counted(cluster.session, recordings) as count:
            kernel = _ExtractKernel(self.settings, self.plan, self.conditions, rules, self.store, run.run_id, count)
            report = map_arrow(spread, kernel, REPORT).toArrow()
        run.facts["audio_s"] = float(sum(report.column("audio_s").to_pylist()))
        reasons = Counter(reason for task in report.column("reasons").to_pylist() for reason in task)
        if reasons:
            run.summary["reasons"] = dict(reasons)
            counts = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            _log.warning("refused %d recordings, see quarantine: %s", reasons.total(), counts)


def _plan(store: TableStore, rules: DateRules, run_id: str, date: dt.date) -> pa.Table:
    """A row of `_PLAN`."""
    state = DateState(store, date, rules)
    todo = state.to_extract()
    row = {"call_date": date, "todo": len(todo), **state.account(run_id), "recordings": packed(todo)}
    return pa.Table.from_pylist([row], schema=_PLAN)


def _count(store: TableStore, rules: DateRules, run_id: str, date: dt.date) -> pa.Table:
    """A row of `_COUNT`."""
    row = {"call_date": date, **DateState(store, date, rules).account(run_id)}
    return pa.Table.from_pylist([row], schema=_COUNT)


def _note(dates: Dates, date: dt.date, row: Mapping[str, Any], run: Run) -> None:
    """Keeps in `dates` what a date has; a date with new extractions is open until it is scored."""
    facts = {
        "listed": row["listed"],
        "extracted": row["done_before"] + row["extracted"],
        "refused": row["refused_now"] + row["refused_before"],
        "silent": row["silent"],
    }
    changed = row["extracted"] or row["refused_now"]
    dates.update(date, **facts, run_id=run.run_id, **({"open": True} if changed else {}))


def _check(facts: Mapping[str, Any]) -> None:
    parts = ("done_before", "extracted", "refused_now", "refused_before")
    if facts["listed"] != sum(facts[part] for part in parts):
        counts = ", ".join(f"{part} {facts[part]}" for part in parts)
        raise SerError(
            f"{facts['listed']} recordings are listed, but the tables account for {counts}: "
            "a task's files are missing. Run the job again; nothing is extracted twice."
        )


@dataclass(frozen=True)
class _ExtractKernel:
    """`mapInArrow` over recordings: a task writes its own files and yields one row of `REPORT`."""

    settings: Settings
    plan: ExtractionPlan
    conditions: Sequence[Condition]
    refusal_rules: Mapping[str, str]
    store: TableStore
    run_id: str
    count: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        recordings = [row for batch in batches for row in batch.to_pylist()]
        context = TaskContext.get()
        if not recordings or context is None:
            return
        dimension = self.plan.feature_set.dimension
        name = (self.run_id, context.partitionId(), context.taskAttemptId())
        files, sources = ExtractedFiles(self.store, *name, dimension), Sources(self.settings)
        task = ExtractTask(self.settings, self.plan, self.conditions, self.refusal_rules, self.run_id, files, sources)
        yield from task.run(recordings, dt.datetime.now(dt.UTC)).to_batches()
        self.count.add(len(recordings))
