"""Recordings → channels, features, quarantine: the only stage that reads audio, once per recording."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import QUARANTINE
from ser_core.data.tables.store import TableStore
from ser_core.errors import SerError
from ser_core.pipeline.engine.balance import balance
from ser_core.pipeline.engine.recording_source import Sources
from ser_core.pipeline.engine.scan import map_arrow, scan
from ser_core.pipeline.stages.extract_task import REPORT, ExtractTask
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, extractions, live_recordings, refused_recordings
from ser_core.pipeline.state.inputs import persisted
from ser_core.pipeline.state.runs import Run
from ser_core.sound.augmentation import RECORDED, Condition
from ser_core.sound.extraction import LONGEST_COPIED_S, ExtractionPlan
from ser_core.sound.features import feature_set

_log = logging.getLogger(__name__)


class Extract:
    """Extracts the features of every recording that lacks them, and quarantines those that cannot be used.

    An archive is extracted as recorded, a corpus also under each of `conditions`. A recording is decoded once for all
    conditions that it lacks. If it is longer than `ser_core.sound.extraction.LONGEST_COPIED_S`, it is extracted as
    recorded only.
    """

    name: ClassVar[str] = "extract"
    leases: ClassVar[tuple[str, ...]] = ("extract",)
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings, scope: Scope | None = None, conditions: Sequence[Condition] = ()) -> None:
        self.settings = settings
        self.conditions = (RECORDED, *conditions)
        self.scope = scope or Scope.of(settings)
        self.features = feature_set(settings.features, settings.segments)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        self.plan = ExtractionPlan.of(settings)

    def run(self, session: SparkSession, run: Run) -> None:
        """Extracts new recordings, then counts on the written tables what became of every recording in scope.

        Raises:
            SerError: the tables do not account for every recording that was listed.
        """
        self.store.fence = run.fences.get("extract")
        run.facts["feature_set"] = self.features.id
        with persisted(self._todo(session)) as todo:
            count = todo.count()
            _log.info("%d recordings to extract as %s", count, self.features.id)
            if count:
                self._extract(session, todo, run)
        run.facts |= self._account(session, run.run_id)
        _check(run.facts)
        if not run.facts["listed"]:
            _log.warning("no recordings in scope below %s: run `ser ingest` first", self.settings.tables.uri)

    def _todo(self, session: SparkSession) -> DataFrame:
        """Recordings in scope, not refused for good, that lack an extraction with this feature set.

        The column `conditions` holds the conditions that are missing.
        """
        recordings = live_recordings(session, self.store, self.scope)
        done = (
            self._done(session)
            .groupBy(*RECORDING_KEY)
            .agg(F.collect_set("condition").alias("have"), F.max("duration_s").alias("duration_s"))
        )
        refused = refused_recordings(session, self.store)
        final = refused.where(~F.col("transient") | (F.col("attempts") >= self.settings.quarantine.max_attempts))
        key = list(RECORDING_KEY)
        return (
            recordings.join(done, key, "left")
            .withColumn("conditions", self._lacking("have"))
            .where(F.size("conditions") > 0)
            .drop("have", "duration_s")
            .join(final, key, "left_anti")
            .join(refused.select(*key, F.col("attempts").alias("attempt")), key, "left")
            .fillna(0, ["attempt"])
        )

    def _done(self, session: SparkSession) -> DataFrame:
        ids = [condition.id for condition in self.conditions]
        return extractions(session, self.store, self.features.id, self.plan.roles_scored, ids)

    def _lacking(self, have: str) -> Column:
        """Ids of the conditions that a recording of `duration_s` needs and that are not in the column `have`."""
        wanted = F.array(*(F.lit(condition.id) for condition in self.conditions))
        recorded = F.array(F.lit(RECORDED.id))
        wanted = F.when(F.col("duration_s") > LONGEST_COPIED_S, recorded).otherwise(wanted)
        return F.array_except(wanted, F.coalesce(F.col(have), F.array().cast("array<string>")))

    def _extract(self, session: SparkSession, todo: DataFrame, run: Run) -> None:
        sized = todo.withColumn("work_bytes", F.col("size_bytes") * F.size("conditions"))
        slots = session.sparkContext.defaultParallelism
        spread = balance(sized, "work_bytes", self.settings.spark.partition_mb * MB, slots)
        kernel = _ExtractKernel(self.settings, self.plan, self.conditions, self.store, run.run_id)
        report = map_arrow(spread, kernel, REPORT).toArrow()
        run.facts["audio_s"] = float(sum(report.column("audio_s").to_pylist()))
        reasons = Counter(reason for task in report.column("reasons").to_pylist() for reason in task)
        if reasons:
            run.summary["reasons"] = dict(reasons)
            counts = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            _log.warning("refused %d recordings, see quarantine: %s", reasons.total(), counts)

    def _account(self, session: SparkSession, run_id: str) -> Mapping[str, int]:
        """listed = done_before + extracted + refused_now + refused_before, each by its own condition."""
        key = list(RECORDING_KEY)
        by_this_run = F.col("run_id") == run_id
        refusals = scan(session, self.store, QUARANTINE, [*key, "run_id"])
        done = (
            self._done(session)
            .groupBy(*key)
            .agg(
                F.collect_set("condition").alias("have"),
                F.collect_set(F.when(~by_this_run, F.col("condition"))).alias("had"),
                F.max("duration_s").alias("duration_s"),
            )
        )
        refused = refusals.groupBy(*key).agg(
            F.max(by_this_run).alias("refused_now"), F.max(~by_this_run).alias("refused_before")
        )
        rows = live_recordings(session, self.store, self.scope).join(done, key, "left").join(refused, key, "left")
        rows = rows.fillna(value=False, subset=["refused_now", "refused_before"])
        is_done, was_done = (F.size(self._lacking(name)) == 0 for name in ("have", "had"))
        now, before = F.col("refused_now"), F.col("refused_before")
        counted = rows.agg(
            F.count("*").alias("listed"),
            F.count_if(was_done).alias("done_before"),
            F.count_if(is_done & ~was_done).alias("extracted"),
            F.count_if(now & ~is_done).alias("refused_now"),
            F.count_if(before & ~now & ~is_done).alias("refused_before"),
        )
        return dict(counted.toArrow().to_pylist()[0])


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
    store: TableStore
    run_id: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        recordings = [row for batch in batches for row in batch.to_pylist()]
        context = TaskContext.get()
        if not recordings or context is None:
            return
        sources, number = Sources(self.settings), context.partitionId()
        task = ExtractTask(self.settings, self.plan, self.conditions, self.store, self.run_id, number, sources)
        yield from task.run(recordings, dt.datetime.now(dt.UTC)).to_batches()
