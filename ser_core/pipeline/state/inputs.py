"""The inputs of derived tables, and the dates that are stale because their inputs have changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config.base import Section
from ser_core.data.tables.schemas import AS_RECORDED, CHANNELS, Table
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.pipeline.engine.scan import FILE, scan
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, extracted_channels, live_recordings

URI = "uri"
TRANSCRIPT = "transcript"
_CALL = ("call_id", "call_date", "agent_id", "queue")
_LOCATIONS = frozenset({URI, TRANSCRIPT})  # they change when an archive moves; its recordings do not
_CHANNEL_KEY = (*RECORDING_KEY, "channel", FILE)


def call_channels(session: SparkSession, store: TableStore, feature_set: str, scope: Scope, *, gone: bool) -> DataFrame:
    """Channels, of every role, of the live recordings in scope.

    With call_id, call_date, agent_id, queue and uri of the recording, and in `file` the key of the file that the
    channel's row is in. `gone` as in `live_recordings`.
    """
    channels = extracted_channels(session, store, feature_set).drop("duration_s")
    recordings = live_recordings(session, store, scope, gone=gone).select(*RECORDING_KEY, *_CALL, URI)
    return channels.join(recordings, list(RECORDING_KEY))


def with_channel_columns(
    session: SparkSession, store: TableStore, channels: DataFrame, feature_set: str, columns: Sequence[str]
) -> DataFrame:
    """`channels` (as `call_channels`) with more columns of the table `channels`; reads only the files they are in."""
    files = sorted(row[FILE] for row in channels.select(FILE).distinct().collect())
    wanted = [*_CHANNEL_KEY[:-1], "feature_set", "condition", *columns]
    rows = scan(session, store, CHANNELS, wanted, files=files, with_file=True)
    rows = rows.where((F.col("feature_set") == feature_set) & (F.col("condition") == AS_RECORDED))
    return channels.join(rows.select(*_CHANNEL_KEY, *columns), list(_CHANNEL_KEY))


def published_dates(store: TableStore, table: Table, fixed: Mapping[str, str]) -> list[dt.date]:
    """Dates that the table has a partition of, in order; `fixed` are values of its other partition columns."""
    partitions = store.partitions(table)
    dates = (values["call_date"] for values in partitions if fixed.items() <= values.items())
    return sorted(dt.date.fromisoformat(date) for date in dates)


def fingerprint(*parts: Section | tuple[str, ...]) -> str:
    """12 hex digits of the settings that a table depends on."""
    values = [part.model_dump(mode="json") if isinstance(part, Section) else part for part in parts]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once within the block."""
    cached = frame.persist()
    try:
        yield cached
    finally:
        cached.unpersist()


@dataclass(frozen=True)
class Inputs:
    """Stores, beside each date of a derived table, the digest of its inputs.

    Attributes:
        store: where the table is.
        table: partitioned by call_date.
        fixed: values of its other partition columns.
        settings: fingerprint of the settings that the rows depend on.
        again: treat every date in scope as stale.
    """

    store: TableStore
    table: Table
    fixed: Mapping[str, str]
    settings: str
    again: bool = False

    def stale(self, inputs: DataFrame, counts: Column, scope: Scope) -> dict[dt.date, str]:
        """Dates whose inputs have changed since they were published, each with the digest of its inputs now.

        Args:
            inputs: rows with a call_date; the digest covers all columns except uri and transcript.
            counts: a condition; the table has rows only of dates with a row that meets it.
            scope: the dates to check.
        """
        columns = sorted(set(inputs.columns) - _LOCATIONS)
        digest = F.sum(F.xxhash64(*columns).cast("decimal(38,0)")).cast("string")
        text = F.concat_ws("-", F.count("*"), digest, F.lit(self.settings)).alias("inputs")
        rows = inputs.groupBy("call_date").agg(text, F.max(counts).alias("counts")).where("counts").toArrow()
        digests = {row["call_date"]: row["inputs"] for row in rows.to_pylist()}
        for date in published_dates(self.store, self.table, self.fixed):
            if scope.covers(date):
                digests.setdefault(date, "none")
        return {date: text for date, text in digests.items() if self.again or self._stored(date) != text}

    def keep(self, stale: Mapping[dt.date, str]) -> None:
        """Stores the digests of dates that have been published from these inputs."""
        for date, text in stale.items():
            self.store.put(self._key(date), json.dumps({"inputs": text}).encode())

    def _key(self, date: dt.date) -> str:
        path = partition_path(self.table, {**self.fixed, "call_date": date})
        return f"{self.table.name}/{path}_inputs.json"

    def _stored(self, date: dt.date) -> str | None:
        key = self._key(date)
        return str(json.loads(self.store.storage.read(key))["inputs"]) if self.store.storage.exists(key) else None
