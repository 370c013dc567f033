"""features → segment_emotions → call_emotions, with the promoted model. No audio is read, and no vector is shuffled."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.features import feature_set
from ser_core.scoring.tables import SEGMENT_ROWS, call_table, segment_table
from ser_core.spark.publish import publish
from ser_core.spark.runs import Run
from ser_core.spark.scan import FILE, spark_schema
from ser_core.spark.state import Scope, extracted_channels, live_recordings
from ser_core.storage import open_storage
from ser_core.tables.schemas import CALL_EMOTIONS, CHANNELS, FEATURES, SEGMENT_EMOTIONS
from ser_core.tables.store import TableStore, bucket_of, partition_path
from ser_core.training.bundle import BundleBytes, Model, check_fingerprint, load_model, read_bundle, resolve

_log = logging.getLogger(__name__)
_COLUMNS = ("recording_id", "version", "channel", "segment_no", "start_s", "end_s", "vector")
_RIDE_ALONG = ("call_id", "call_date", "role", "agent_id", "queue")


class Score:
    """Scores every date in scope whose inputs have changed since this model scored it; a date is scored whole."""

    name: ClassVar[str] = "score"
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        models = open_storage(settings.models.uri, settings.storage)
        self.model_version = resolve(models, settings.models.name, settings.scoring.model)
        self.bundle = read_bundle(models, self.model_version)
        self.features = feature_set(settings.features, settings.segments)
        self.model = load_model(self.bundle)
        check_fingerprint(self.model, self.features)

    def run(self, session: SparkSession, run: Run) -> None:
        """Scores and publishes, `segment_emotions` and `call_emotions` of a bucket together."""
        run.facts |= {
            "model_version": self.model_version,
            "feature_set": self.features.id,
            "purpose": self.settings.scoring.purpose,
        }
        wanted = self._wanted(session).persist()
        try:
            stale = self._stale(wanted)
            _log.info("%d dates to score with %s", len(stale), self.model_version)
            counts = self._publish(session, wanted.where(F.col("call_date").isin(list(stale))), stale, run)
        finally:
            wanted.unpersist()
        run.facts |= {"scored_segments": counts[SEGMENT_EMOTIONS.name], "scored_calls": counts[CALL_EMOTIONS.name]}

    def _wanted(self, session: SparkSession) -> DataFrame:
        """The channels to score, each with the file of its vectors and what its rows carry along."""
        channels = extracted_channels(session, self.store, self.features.id)
        allowed = channels.where(F.col("role").isin(list(self.settings.scoring.roles)))
        recordings = live_recordings(session, self.store, self.scope).drop("uri", "size_bytes", "roles")
        return allowed.join(recordings, ["recording_id", "version"]).drop("duration_s")

    def _stale(self, wanted: DataFrame) -> dict[dt.date, str]:
        """Dates whose inputs are not those last scored with this model, each with the digest of its inputs."""
        digest = F.sum(F.xxhash64(*sorted(wanted.columns)).cast("decimal(38,0)")).cast("string")
        rows = wanted.groupBy("call_date").agg(F.concat_ws("-", F.count("*"), digest).alias("inputs")).toArrow()
        inputs = {row["call_date"]: row["inputs"] for row in rows.to_pylist()}
        for values in self.store.partitions(CALL_EMOTIONS):
            date = dt.date.fromisoformat(values["call_date"])
            covered = self.scope.dates is None or date in self.scope.dates
            if values["model_version"] == self.model_version and covered:
                inputs.setdefault(date, "none")
        return {date: text for date, text in inputs.items() if self._kept_inputs(date) != text}

    def _inputs_key(self, date: dt.date) -> str:
        path = partition_path(CALL_EMOTIONS, {"model_version": self.model_version, "call_date": date})
        return f"{CALL_EMOTIONS.name}/{path}_inputs.json"

    def _kept_inputs(self, date: dt.date) -> str | None:
        key = self._inputs_key(date)
        if not self.store.storage.exists(key):
            return None
        return str(json.loads(self.store.storage.read(key))["inputs"])

    def _publish(
        self, session: SparkSession, wanted: DataFrame, stale: Mapping[dt.date, str], run: Run
    ) -> dict[str, int]:
        buckets = self.store.buckets(SEGMENT_EMOTIONS, self.settings.tables.buckets)
        bytes_once = session.sparkContext.broadcast(self.bundle)
        kernel = _Kernel(self.store, bytes_once, run.run_id, run.started_at, buckets)
        files = max(1, wanted.select(FILE).distinct().count()) if stale else 1
        tasks = min(files, 8 * session.sparkContext.defaultParallelism)
        scored = wanted.repartition(tasks, FILE).sortWithinPartitions(FILE)
        rows = scored.mapInArrow(kernel, spark_schema(session, SEGMENT_ROWS))
        tables = (SEGMENT_EMOTIONS, CALL_EMOTIONS)
        make = partial(_both_tables, classes=self.model.classes)
        fixed = {"model_version": self.model_version}
        counts = publish(rows, self.store, tables, make, stale, fixed, buckets)
        for date, text in stale.items():
            self.store.storage.put(self._inputs_key(date), json.dumps({"inputs": text}).encode())
        return counts


def _both_tables(rows: pa.Table, classes: Sequence[str]) -> Mapping[str, pa.Table]:
    keys = [(name, "ascending") for name in ("call_id", "role", "start_s", "recording_id", "channel", "segment_no")]
    ordered = rows.sort_by(keys)
    return {SEGMENT_EMOTIONS.name: ordered, CALL_EMOTIONS.name: call_table(ordered, classes)}


_models: dict[str, Model] = {}


def _model(bundle: BundleBytes) -> Model:
    """The audited model, loaded once a worker."""
    if bundle.model_version not in _models:
        _models.clear()
        _models[bundle.model_version] = load_model(bundle)
    return _models[bundle.model_version]


@dataclass(frozen=True)
class _Kernel:
    """`mapInArrow` over channels sorted by file: reads each features file once and yields its segments' rows."""

    store: TableStore
    bundle: Broadcast[BundleBytes]
    run_id: str
    now: dt.datetime
    buckets: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        wanted = (row for batch in batches for row in batch.to_pylist())
        for file, channels in groupby(wanted, key=lambda row: row[FILE]):
            yield from self._score(file, list(channels))

    def _score(self, file: str, channels: list[Mapping[str, Any]]) -> Iterator[pa.RecordBatch]:
        key = f"{FEATURES.name}/{file.removeprefix(f'{CHANNELS.name}/')}"
        ids = pa.array({row["recording_id"] for row in channels})
        table = self.store.read(key, _COLUMNS, pc.field("recording_id").isin(ids))
        carried = {(row["recording_id"], row["version"], row["channel"]): row for row in channels}
        columns = ("recording_id", "version", "channel")
        places = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
        rows = [carried.get(place) for place in places]
        table = table.filter(pa.array([row is not None for row in rows]))
        kept = [row for row in rows if row is not None]
        for name in _RIDE_ALONG:
            kind = pa.date32() if name == "call_date" else pa.string()
            table = table.append_column(name, pa.array([row[name] for row in kept], kind))
        bucket = pa.array([bucket_of(row["call_id"], self.buckets) for row in kept], pa.int32())
        table = table.append_column("bucket", bucket)
        scored = segment_table(table, _model(self.bundle.value), self.run_id, self.now)
        yield from scored.to_batches(max_chunksize=10_000)
