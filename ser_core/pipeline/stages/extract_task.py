"""One extraction task: fetches, extracts and writes whole recordings, into one file per table."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
from threadpoolctl import threadpool_limits

from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, Reason, Refusal
from ser_core.pipeline.engine.prefetch import fetch_ahead
from ser_core.pipeline.engine.recording_source import Sources
from ser_core.pipeline.stages.extracted_files import ExtractedFiles
from ser_core.sound.augmentation import Condition
from ser_core.sound.extraction import (
    LONGEST_COPIED_S,
    ChannelFeatures,
    ExtractedRecording,
    ExtractionPlan,
    extract,
    extract_isolated,
    stated_roles,
)

_log = logging.getLogger(__name__)

REPORT = pa.schema([("extracted", pa.int64()), ("reasons", pa.list_(pa.string())), ("audio_s", pa.float64())])

Recording = Mapping[str, Any]


@dataclass
class ExtractTask:
    """Extracts recordings and adds their rows to the task's files.

    `conditions` are all that a recording may lack. Its own column `conditions` holds the ids of those that it lacks.
    """

    settings: Settings
    plan: ExtractionPlan
    conditions: Sequence[Condition]
    refusal_rules: Mapping[str, str]
    run_id: str
    files: ExtractedFiles
    sources: Sources

    def run(self, recordings: Sequence[Recording], now: dt.datetime) -> pa.Table:
        """Extracts `recordings`. A recording that cannot be used becomes a row in `quarantine`.

        Raises:
            StorageError: storage as a whole cannot be used.
        """
        budget = int((self.settings.fetch.memory_mb + self.settings.fetch.prefetch_mb) * MB)
        extracted = 0
        with threadpool_limits(1), self.files:
            for recording, source in fetch_ahead(recordings, self._fetch, self._memory_bytes, budget):
                extracted += self._add(recording, source, now)
        report = {"extracted": extracted, "reasons": self.files.reasons, "audio_s": self.files.audio_s}
        return pa.Table.from_pylist([report], schema=REPORT)

    def _memory_bytes(self, recording: Recording) -> int:
        return int(min(recording["size_bytes"], self.settings.fetch.memory_mb * MB))

    def _fetch(self, recording: Recording) -> BinaryIO | Refusal:
        limit = self.settings.limits.max_size_mb
        if recording["size_bytes"] > limit * MB:
            size_mb = recording["size_bytes"] / MB
            return Refusal(Reason.TOO_LARGE, f"{size_mb:.1f} MB; limits.max_size_mb allows {limit:g} MB")
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
            self.files.add_refusal(self._refusal_row(recording, refusal, now))
            return False
        for channel in extracted.channels:
            self._add_channel(recording, channel)
        return True

    def _extract(self, source: BinaryIO, recording: Recording) -> ExtractedRecording:
        lacking = [condition for condition in self.conditions if condition.id in recording["conditions"]]
        roles = stated_roles(recording["roles"], recording["leg_role"], recording["leg_channel"], self.settings.roles)
        name = recording["recording_id"]
        size_bytes, isolation = recording["size_bytes"], self.settings.isolation
        if isolation.enabled:
            extracted = extract_isolated(source, size_bytes, self.plan, isolation, roles, lacking, name)
        else:
            extracted = extract(source, size_bytes, self.plan, roles, lacking, name)
        if {channel.condition for channel in extracted.channels} != {condition.id for condition in lacking}:
            _log.warning("a recording is longer than %g s: it is extracted as recorded only", LONGEST_COPIED_S)
            _log.debug("the recording is %s", recording["uri"])
        return extracted

    def _add_channel(self, recording: Recording, channel: ChannelFeatures) -> None:
        speech = channel.speech
        row = {
            "recording_id": recording["recording_id"],
            "version": recording["version"],
            "channel": channel.channel,
            "feature_set": self.plan.feature_set.id,
            "condition": channel.condition,
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
        self.files.add_channel(row, channel)

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
            "call_date": recording["call_date"],
            "refused_by": self.refusal_rules[refusal.reason.value],
        }
