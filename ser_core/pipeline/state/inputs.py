"""What derived tables are made from, and which of their dates are stale: made from other inputs than stand today."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config.base import Section
from ser_core.data.tables.schemas import Table
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, extracted_channels, live_recordings

URI = "uri"
TRANSCRIPT = "transcript"
_CALL = ("call_id", "call_date", "agent_id", "queue")
_PLACES = frozenset({URI, TRANSCRIPT})  # these change where an archive moves, and nothing else does


def call_channels(session: SparkSession, store: TableStore, feature_set: str, scope: Scope, *, gone: bool) -> DataFrame:
    """The channels, of every role, that count: of live recordings in scope, with call_id, call_date, agent_id, queue
    and uri of the recording, and in `file` where the channel's row stands. `gone` as in `live_recordings`."""
    channels = extracted_channels(session, store, feature_set).drop("duration_s")
    recordings = live_recordings(session, store, scope, gone=gone).select(*RECORDING_KEY, *_CALL, URI)
    return channels.join(recordings, list(RECORDING_KEY))


def fingerprint(*parts: Section | tuple[str, ...]) -> str:
    """12 hex digits that change with the settings a table depends on."""
    values = [part.model_dump(mode="json") if isinstance(part, Section) else part for part in parts]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once as long as the block lasts."""
    kept = frame.persist()
    try:
        yield kept
    finally:
        kept.unpersist()


@dataclass(frozen=True)
class Inputs:
    """Keeps, beside each date of a derived table, the digest of what it was made from.

    Attributes:
        store: where the table is.
        table: partitioned by call_date.
        fixed: values of its other partition columns.
        again: every date in scope is stale.
        settings: fingerprint of the settings that the rows depend on.
    """

    store: TableStore
    table: Table
    fixed: Mapping[str, str]
    settings: str
    again: bool = False

    def stale(self, inputs: DataFrame, counts: Column, scope: Scope) -> dict[dt.date, str]:
        """Dates whose inputs are not those they were made from, each with the digest of its inputs.

        Args:
            inputs: rows with a call_date; all columns are digested but those that say where a file is.
            counts: a condition; a date without a row that meets it has no rows in the table.
            scope: the dates looked at.
        """
        columns = sorted(set(inputs.columns) - _PLACES)
        digest = F.sum(F.xxhash64(*columns).cast("decimal(38,0)")).cast("string")
        text = F.concat_ws("-", F.count("*"), digest, F.lit(self.settings)).alias("inputs")
        found = inputs.groupBy("call_date").agg(text, F.max(counts).alias("counts")).where("counts").toArrow()
        now = {row["call_date"]: row["inputs"] for row in found.to_pylist()}
        for values in self.store.partitions(self.table):
            date = dt.date.fromisoformat(values["call_date"])
            mine = all(values[name] == value for name, value in self.fixed.items())
            if mine and (scope.dates is None or date in scope.dates):
                now.setdefault(date, "none")
        return {date: text for date, text in now.items() if self.again or self._kept(date) != text}

    def keep(self, stale: Mapping[dt.date, str]) -> None:
        """Notes that the dates have been published from these inputs."""
        for date, text in stale.items():
            self.store.put(self._key(date), json.dumps({"inputs": text}).encode())

    def _key(self, date: dt.date) -> str:
        path = partition_path(self.table, {**self.fixed, "call_date": date})
        return f"{self.table.name}/{path}_inputs.json"

    def _kept(self, date: dt.date) -> str | None:
        key = self._key(date)
        return str(json.loads(self.store.storage.read(key))["inputs"]) if self.store.storage.exists(key) else None
