"""The archive → recordings: new and gone objects, and which recording of a call counts."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore, log_key, rows
from ser_core.errors import PublishRefusedError
from ser_core.pipeline.engine.publish import BUCKET, publish
from ser_core.pipeline.engine.scan import map_arrow, scan
from ser_core.pipeline.stages.archive_listing import REASON, ArchiveListing
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, refused_recordings
from ser_core.pipeline.state.inputs import persisted, published_dates
from ser_core.pipeline.state.moves import mark_moved
from ser_core.pipeline.state.runs import Run

_log = logging.getLogger(__name__)
_COLUMNS = RECORDINGS.schema.names
_WRITTEN = pa.schema([("refused", pa.int64())])


class Ingest:
    """Lists the archive and brings `recordings` up to date."""

    name: ClassVar[str] = "ingest"
    leases: ClassVar[tuple[str, ...]] = ("ingest",)
    required: ClassVar[tuple[str, ...]] = ("archive.uri",)

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        self.listing = ArchiveListing(settings, self.scope.dates)

    def run(self, session: SparkSession, run: Run) -> None:
        """Lists the archive, merges the list with `recordings`, publishes, and quarantines recordings without a place.

        Raises:
            PublishRefusedError: a larger share of the known recordings is gone than `retention.max_gone_share`.
        """
        self.store.fence = run.fences.get("ingest")
        with persisted(self.listing.rows(session, run.run_id).where(self.scope.holds())) as listed:
            run.facts["listed"] = listed.count()
            self._publish(session, listed, run.started_at)
            run.facts["refused_now"] = self._quarantine(session, listed, run)

    def _publish(self, session: SparkSession, listed: DataFrame, now: dt.datetime) -> None:
        outside = self._dates_outside(session, listed)
        with persisted(scan(session, self.store, RECORDINGS, _COLUMNS, files=self._files(outside))) as known:
            self._check_gone(known, listed)
            moved = {row.call_date for row in _dates_left(known, listed).collect()}
            mark_moved(self.store, moved)
            self._merge(known, listed, now, outside)
            mark_moved(self.store, moved)

    def _check_gone(self, known: DataFrame, listed: DataFrame) -> None:
        """Refuses a list that lacks too many of the recordings of the last one."""
        present = known.where(self.scope.holds() & F.col("gone_at").isNull()).select("recording_id")
        both = present.join(listed.select("recording_id", F.lit(True).alias("listed")), "recording_id", "left")
        total, gone = both.agg(F.count("*"), F.count_if(F.col("listed").isNull())).collect()[0]
        limit = self.settings.retention.max_gone_share
        if total and gone / total > limit:
            archive = self.settings.archive
            raise PublishRefusedError(
                f"{gone} of the {total} recordings that were listed before are gone from {archive.uri} "
                f"({gone / total:.0%}; retention.max_gone_share allows {limit:.0%}). Nothing has been changed. "
                "Is the archive mounted and complete? Have archive.uri, archive.pattern or archive.extensions changed? "
                "If the recordings were deleted on purpose, run once more with --retention.max-gone-share 1"
            )

    def _merge(self, known: DataFrame, listed: DataFrame, now: dt.datetime, outside: set[dt.date]) -> None:
        absent = known.join(listed, "recording_id", "left_anti")
        gone = F.when(self.scope.holds(), F.coalesce("gone_at", F.lit(now))).otherwise(F.col("gone_at"))
        merged = listed.select(_COLUMNS).unionByName(absent.withColumn("gone_at", gone)).select(_COLUMNS)
        buckets = self.store.buckets(RECORDINGS, self.settings.tables.buckets)
        with persisted(_mark_duplicates(merged).withColumn(BUCKET, bucket_column(buckets))) as rows:
            dates = {row.call_date for row in rows.select("call_date").distinct().collect()}
            dates |= {date for date in published_dates(self.store, RECORDINGS, {}) if self.scope.covers(date)}
            publish(rows, self.store, (RECORDINGS,), _recordings, dates | outside, {}, buckets)

    def _dates_outside(self, session: SparkSession, listed: DataFrame) -> set[dt.date]:
        """Dates outside the scope that have a row of a recording which is in scope now.

        Only dates from an object's time change, when it is uploaded again; dates from path and metadata do not.
        """
        if self.scope.dates is None:
            return set()
        by_time = listed.where(F.col("call_date_source") == "object_time").select("recording_id")
        if by_time.isEmpty():
            return set()
        inside = set(self.scope.files(self.store, RECORDINGS, {}))
        others = [key for key in self.store.files(RECORDINGS) if key not in inside]
        known = scan(session, self.store, RECORDINGS, ["recording_id", "call_date"], files=others)
        return {row.call_date for row in known.join(by_time, "recording_id").select("call_date").distinct().collect()}

    def _files(self, outside: set[dt.date]) -> list[str]:
        more = Scope(tuple(outside)).files(self.store, RECORDINGS, {}) if outside else []
        return [*self.scope.files(self.store, RECORDINGS, {}), *more]

    def _quarantine(self, session: SparkSession, listed: DataFrame, run: Run) -> int:
        """Refuses recordings without a place once per version, and missing ones at each run up to the limit."""
        before = refused_recordings(session, self.store)
        refused = listed.where(F.col(REASON).isNotNull()).join(before, [*RECORDING_KEY], "left")
        attempts = F.coalesce("attempts", F.lit(0))
        due = F.coalesce("transient", F.lit(True)) & (attempts < self.settings.quarantine.max_attempts)
        fresh = refused.where(due).select(
            *RECORDING_KEY, "uri", REASON, (attempts + 1).cast("int").alias("attempt"), "call_date_source"
        )
        kernel = _QuarantineKernel(self.store, run.run_id, run.started_at, self.settings.archive.pattern)
        written = map_arrow(fresh, kernel, _WRITTEN).toArrow()
        return int(sum(written.column("refused").to_pylist()))


def bucket_column(buckets: int) -> Column:
    """The bucket of a row's call, as `ser_core.data.tables.store.bucket_of`."""
    return (F.crc32(F.col("call_id").cast("binary")) % buckets).cast("int")


def _recordings(chunk: pa.Table) -> Mapping[str, pa.Table]:
    return {RECORDINGS.name: chunk.sort_by([("recording_id", "ascending")])}


def _mark_duplicates(recordings: DataFrame) -> DataFrame:
    """Sets `duplicate_of` where a call and leg has several recordings.

    The newest recording that is not gone counts; if all are gone, the newest. The others get its id.
    """
    leg = F.coalesce(F.col("extra")["role"], F.col("extra")["channel"], F.lit(""))
    order = (F.col("gone_at").isNotNull(), F.col("modified_at").desc(), "recording_id")
    newest = F.first("recording_id").over(Window.partitionBy("call_id", leg).orderBy(*order))
    return recordings.withColumn("duplicate_of", F.when(newest != F.col("recording_id"), newest))


def _dates_left(known: DataFrame, listed: DataFrame) -> DataFrame:
    """Dates that a recording has moved away from."""
    new = listed.select("recording_id", F.col("call_date").alias("new_date"))
    return known.join(new, "recording_id").where("call_date != new_date").select("call_date").distinct()


@dataclass(frozen=True)
class _QuarantineKernel:
    """`mapInArrow` over refused recordings: writes one log file per task."""

    store: TableStore
    run_id: str
    now: dt.datetime
    pattern: str | None

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        refused: Sequence[Mapping[str, object]] = [row for batch in batches for row in batch.to_pylist()]
        context = TaskContext.get()
        if not refused or context is None:
            return
        table = rows(QUARANTINE.schema, (self._row(row) for row in refused))
        self.store.write(log_key(QUARANTINE, self.run_id, context.partitionId()), table)
        yield pa.RecordBatch.from_pylist([{"refused": len(refused)}], schema=_WRITTEN)

    def _row(self, row: Mapping[str, object]) -> Mapping[str, object]:
        details = {
            "unmatched_path": f"the path does not match archive.pattern {self.pattern}",
            "missing": "the manifest lists it, but there is no such object",
            "forbidden": "the manifest lists it, but it may not be read",
        }
        named = {name: row[name] for name in (*RECORDING_KEY, "uri", "reason", "attempt")}
        return {**named, "run_id": self.run_id, "seen_at": self.now, "detail": details[str(row[REASON])]}
