"""Channels of calls as rows of `call_talk`. Arrow in, Arrow out, without Spark."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from ser_core.config.talk_settings import TalkSettings
from ser_core.data.tables.schemas import CALL_TALK, CHANNELS, SCHEMA_VERSION
from ser_core.scoring.spans import Spans
from ser_core.scoring.talk import VoiceActivity, talk_facts

_CALL = ("call_id", "call_date", "agent_id", "queue")
_MEASURED = ("role", "duration_s", "speech", "syllables", "loudness_dbfs")
_OF_BOTH_SIDES = (
    "silence_s", "silences", "crosstalk_s", "interruptions_by_agent", "interruptions_by_customer"
)  # fmt: skip
TALK_ROWS = pa.schema(
    [
        *(CALL_TALK.schema.field(name) for name in _CALL),
        *(CHANNELS.schema.field(name) for name in ("recording_id", "channel", *_MEASURED)),
    ]
)
"""The input of `call_talk`: one row per channel."""


def talk_table(channels: pa.Table, incomplete: Collection[str], settings: TalkSettings, run_id: str) -> pa.Table:
    """One row per call; its agent and queue are those of its first recording, by recording_id, that has them.

    Args:
        channels: rows of `TALK_ROWS`, all channels of a call, in any order.
        incomplete: calls with a recording that is missing; what depends on both sides is null for them.
        settings: thresholds of silence and interruption.
        run_id: of the run.
    """
    order = [(name, "ascending") for name in ("call_id", "recording_id", "channel")]
    rows = []
    for _, group in groupby(channels.sort_by(order).to_pylist(), key=lambda row: row["call_id"]):
        members = list(group)
        call = {name: next((row[name] for row in members if row[name] is not None), None) for name in _CALL}
        facts = asdict(talk_facts([_voice(row) for row in members], settings))
        if call["call_id"] in incomplete:
            facts |= dict.fromkeys(_OF_BOTH_SIDES)
        rows.append({**call, **facts, "run_id": run_id, "schema_version": SCHEMA_VERSION})
    return pa.Table.from_pylist(rows, schema=CALL_TALK.schema)


def _voice(row: Mapping[str, Any]) -> VoiceActivity:
    measured = {name: row[name] for name in _MEASURED if name != "speech"}
    return VoiceActivity(**measured, speech=_spans(row["speech"]))


def _spans(speech: list[Mapping[str, float]] | None) -> Spans | None:
    if speech is None:
        return None
    return np.array([[span["start_s"], span["end_s"]] for span in speech], dtype=np.float64).reshape(-1, 2)
