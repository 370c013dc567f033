"""One extraction task: fetches, extracts and writes whole recordings, into one file per table."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.data.archive.metadata import parse_roles
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, SCHEMA_VERSION, Table, features_schema
from ser_core.data.tables.store import TableStore, log_key, rows
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, Reason, Refusal
from ser_core.pipeline.engine.prefetch import fetch_ahead
from ser_core.pipeline.engine.recording_source import Sources
from ser_core.sound.augmentation import Condition
from ser_core.sound.extraction import (
    LONGEST_COPIED_S,
    ChannelFeatures,
    ExtractedRecording,
    ExtractionPlan,
    extract,
    extract_isolated,
)

_log = logging.getLogger(__name__)
_FLUSH_MB = 4  # vectors held before they are written to the task's local file, as a row group

REPORT = pa.schema([("extracted", pa.int64()), ("reasons", pa.list_(pa.string())), ("audio_s", pa.float64())])

Recording = Mapping[str, Any]


@dataclass
class ExtractTask:
    """Writes `features`, then `channels`, then `quarantine`; each file appears whole or not at all.

    `conditions` are all that a recording may lack. Its own column `conditions` holds the ids of those that it lacks.
    """

    settings: Settings
    plan: ExtractionPlan
    conditions: Sequence[Condition]
    store: TableStore
    run_id: str
    number: int
    sources: Sources
    channels: list[Mapping[str, Any]] = field(default_factory=list)
    refusals: list[Mapping[str, Any]] = field(default_factory=list)
    pending: list[pa.Table] = field(default_factory=list)

    def run(self, recordings: Sequence[Recording], now: dt.datetime) -> pa.Table:
        """Extracts `recordings`. A recording that cannot be used becomes a row in `quarantine`.

        Raises:
            StorageError: storage as a whole cannot be used.
        """
        schema = features_schema(self.plan.feature_set.dimension)
        budget = int((self.settings.fetch.memory_mb + self.settings.fetch.prefetch_mb) * MB)
        held_rows = _FLUSH_MB * MB // (4 * self.plan.feature_set.dimension)
        extracted = 0
        with threadpool_limits(1), ExitStack() as files:
            writer: pq.ParquetWriter | None = None
            for recording, source in fetch_ahead(recordings, self._fetch, self._memory_bytes, budget):
                extracted += self._add(recording, source, now)
                if sum(len(table) for table in self.pending) >= held_rows:
                    writer = writer or files.enter_context(self.store.stream(self._key(FEATURES), schema))
                    self._flush(writer)
            if self.pending:
                writer = writer or files.enter_context(self.store.stream(self._key(FEATURES), schema))
                self._flush(writer)
        if self.channels:
            self.store.write(self._key(CHANNELS), rows(CHANNELS.schema, self.channels))
        if self.refusals:
            self.store.write(self._key(QUARANTINE), rows(QUARANTINE.schema, self.refusals))
        reasons = [row["reason"] for row in self.refusals]
        report = {"extracted": extracted, "reasons": reasons, "audio_s": self._audio_s()}
        return pa.Table.from_pylist([report], schema=REPORT)

    def _key(self, table: Table) -> str:
        return log_key(table, self.run_id, self.number)

    def _memory_bytes(self, recording: Recording) -> int:
        return int(min(recording["size_bytes"], self.settings.fetch.memory_mb * MB))

    def _fetch(self, recording: Recording) -> BinaryIO | Refusal:
        limit = self.settings.limits.max_size_mb
        if recording["size_bytes"] > limit * MB:
            size_mb = recording["size_bytes"] / MB
            return Refusal(Reason.TOO_LARGE, f"{size_mb:.1f} MB; limits.max_size_mb is {limit:g}")
        try:
            listed = (recording["version"], recording["size_bytes"])
            return self.sources.open_version(recording["uri"], *listed, int(self.settings.fetch.memory_mb * MB))
        except ObjectMissingError as error:
            return Refusal(Reason.MISSING, str(error))
        except ObjectForbiddenError as error:
            return Refusal(Reason.FORBIDDEN, str(error))

    def _add(self, recording: Recording, source: BinaryIO | Refusal, now: dt.datetime) -> bool:
        """Whether the recording was extracted; else a refusal is added."""
        try:
            if isinstance(source, Refusal):
                raise source
            with source:
                extracted = self._extract(source, recording)
        except Refusal as refusal:
            self.refusals.append(self._refusal_row(recording, refusal, now))
            return False
        for channel in extracted.channels:
            self._add_channel(recording, channel)
        return True

    def _extract(self, source: BinaryIO, recording: Recording) -> ExtractedRecording:
        lacking = [condition for condition in self.conditions if condition.id in recording["conditions"]]
        roles, name = self._roles(recording), recording["recording_id"]
        size_bytes, isolation = recording["size_bytes"], self.settings.isolation
        if isolation.enabled:
            extracted = extract_isolated(source, size_bytes, self.plan, isolation, roles, lacking, name)
        else:
            extracted = extract(source, size_bytes, self.plan, roles, lacking, name)
        if {channel.condition for channel in extracted.channels} != {condition.id for condition in lacking}:
            _log.warning("a recording is longer than %g s: it is extracted as recorded only", LONGEST_COPIED_S)
            _log.debug("the recording is %s", recording["uri"])
        return extracted

    def _roles(self, recording: Recording) -> Mapping[int, str] | None:
        """Roles by channel from metadata or path; None where neither gives any."""
        text = recording["roles"]
        if text is None and recording["leg_role"] is not None:
            text = f"0={recording['leg_role']}"
        if text is None and recording["leg_channel"] is not None:
            by_channel = dict(enumerate(self.settings.roles.channels))
            text = f"0={by_channel.get(int(recording['leg_channel'])) if recording['leg_channel'].isdigit() else None}"
        try:
            return None if text is None else parse_roles(text)
        except ValueError as error:
            raise Refusal(Reason.UNMATCHED_PATH, f"metadata or path give an unknown role: {error}") from None

    def _add_channel(self, recording: Recording, channel: ChannelFeatures) -> None:
        key = {
            "recording_id": recording["recording_id"],
            "version": recording["version"],
            "channel": channel.channel,
            "feature_set": self.plan.feature_set.id,
            "condition": channel.condition,
        }
        speech = channel.speech
        self.channels.append(
            {
                **key,
                "call_id": recording["call_id"],
                "call_date": recording["call_date"],
                "role": channel.role,
                "codec": channel.codec,
                "sample_rate": channel.sample_rate,
                "narrowband": channel.narrowband,
                "duration_s": channel.duration_s,
                "speech": None if speech is None else [{"start_s": start, "end_s": end} for start, end in speech],
                "syllables": channel.syllables,
                "loudness_dbfs": channel.loudness_dbfs,
                "segments": len(channel.start_s) if channel.role in self.plan.roles_scored else None,
                "run_id": self.run_id,
            }
        )
        if len(channel.start_s):
            self.pending.append(_vectors(key, channel, features_schema(self.plan.feature_set.dimension)))

    def _flush(self, writer: pq.ParquetWriter) -> None:
        writer.write_table(pa.concat_tables(self.pending))
        self.pending.clear()

    def _refusal_row(self, recording: Recording, refusal: Refusal, now: dt.datetime) -> Mapping[str, Any]:
        return {
            "recording_id": recording["recording_id"],
            "version": recording["version"],
            "run_id": self.run_id,
            "uri": recording["uri"],
            "reason": refusal.reason.value,
            "detail": refusal.detail,
            "attempt": recording["attempt"] + 1,
            "seen_at": now,
        }

    def _audio_s(self) -> float:
        return float(sum(row["duration_s"] for row in self.channels))


def _vectors(key: Mapping[str, Any], channel: ChannelFeatures, schema: pa.Schema) -> pa.Table:
    count = len(channel.start_s)
    flat = pa.array(np.ascontiguousarray(channel.vectors, dtype=np.float32).ravel())
    columns: dict[str, Any] = {name: pa.array([value] * count) for name, value in key.items()}
    columns |= {
        "segment_no": np.arange(count, dtype=np.int32),
        "start_s": channel.start_s,
        "end_s": channel.end_s,
        "loudness_dbfs": channel.segment_loudness_dbfs,
        "vector": pa.FixedSizeListArray.from_arrays(flat, channel.vectors.shape[1]),
        "schema_version": np.full(count, SCHEMA_VERSION, dtype=np.int32),
    }
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)
