"""channels → call_talk: who talked when in each call. Reads neither audio nor vectors, and needs no model."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from typing import ClassVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CALL_TALK
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.engine.publish import BUCKET, publish
from ser_core.pipeline.engine.scan import scan
from ser_core.pipeline.stages.ingest import bucket_column
from ser_core.pipeline.state.extractions import Scope
from ser_core.pipeline.state.inputs import Inputs, call_channels, fingerprint, persisted, with_channel_columns
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.talk_tables import TALK_ROWS, talk_table
from ser_core.sound.features import feature_set

_log = logging.getLogger(__name__)
_MEASURED = ("duration_s", "speech", "syllables", "loudness_dbfs")


class Talk:
    """Publishes `call_talk` for every date in scope whose channels have changed, whole dates at a time."""

    name: ClassVar[str] = "talk"
    leases: ClassVar[tuple[str, ...]] = ("score",)
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        self.feature_set = feature_set(settings.features, settings.segments).id
        self.inputs = Inputs(self.store, CALL_TALK, {}, fingerprint(settings.talk))

    def run(self, session: SparkSession, run: Run) -> None:
        """Publishes the stale dates."""
        keep = not self.settings.retention.follow_audio
        with persisted(call_channels(session, self.store, self.feature_set, self.scope, gone=keep)) as channels:
            self.publish(session, channels, run)

    def publish(self, session: SparkSession, channels: DataFrame, run: Run, scope: Scope | None = None) -> None:
        """As `run`, from the `channels` in scope (`ser_core.pipeline.state.inputs.call_channels`)."""
        self.store.fence = run.fences.get("score")
        stale = self.inputs.stale(channels, F.lit(True), scope or self.scope)
        _log.info("%d dates of call_talk to publish", len(stale))
        buckets = self.store.buckets(CALL_TALK, self.settings.tables.buckets)
        chosen = channels.where(F.col("call_date").isin(list(stale)))
        rows = with_channel_columns(session, self.store, chosen, self.feature_set, _MEASURED)
        rows = rows.withColumn(BUCKET, bucket_column(buckets)).select(TALK_ROWS.names)
        talk, run_id = self.settings.talk, run.run_id

        def make(chunk: pa.Table) -> Mapping[str, pa.Table]:
            return {CALL_TALK.name: talk_table(chunk, talk, run_id)}

        counts = publish(rows, self.store, (CALL_TALK,), make, stale, {}, buckets)
        self.inputs.keep(stale)
        run.summary["talk_calls"] = counts[CALL_TALK.name]


def talk_shares(session: SparkSession, store: TableStore, dates: Iterable[dt.date]) -> DataFrame:
    """(call_id, talk_share) of the calls of `dates`: the customer's share of the talk of both, null where unknown."""
    files = Scope(tuple(dates)).files(store, CALL_TALK, {})
    rows = scan(session, store, CALL_TALK, ["call_id", "customer_talk_s", "agent_talk_s"], files=files)
    customer, both = F.col("customer_talk_s"), F.col("customer_talk_s") + F.col("agent_talk_s")
    return rows.select("call_id", F.when(both > 0, customer / both).alias("talk_share"))
