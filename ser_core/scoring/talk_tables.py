"""Channels of calls as rows of `call_talk`. Arrow in, Arrow out; knows nothing of Spark."""

from __future__ import annotations

from collections.abc import Mapping
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
_HEARD = ("role", "duration_s", "speech", "syllables", "loudness_dbfs")
TALK_ROWS = pa.schema(
    [
        *(CALL_TALK.schema.field(name) for name in _CALL),
        *(CHANNELS.schema.field(name) for name in ("recording_id", "channel", *_HEARD)),
        pa.field("bucket", pa.int32()),
    ]
)
"""What `call_talk` is made from: one row a channel."""


def talk_table(channels: pa.Table, settings: TalkSettings, run_id: str) -> pa.Table:
    """One row a call; its agent and queue are those of its first recording by recording_id that names one.

    Args:
        channels: rows of `TALK_ROWS`, all channels of a call, in any order.
        settings: what is a silence and what an interruption.
        run_id: of the run.
    """
    order = [(name, "ascending") for name in ("call_id", "recording_id", "channel")]
    rows = []
    for _, group in groupby(channels.sort_by(order).to_pylist(), key=lambda row: row["call_id"]):
        members = list(group)
        call = {name: next((row[name] for row in members if row[name] is not None), None) for name in _CALL}
        facts = asdict(talk_facts([_voice(row) for row in members], settings))
        rows.append({**call, **facts, "run_id": run_id, "schema_version": SCHEMA_VERSION})
    return pa.Table.from_pylist(rows, schema=CALL_TALK.schema)


def _voice(row: Mapping[str, Any]) -> VoiceActivity:
    heard = {name: row[name] for name in _HEARD if name != "speech"}
    return VoiceActivity(**heard, speech=_spans(row["speech"]))


def _spans(speech: list[Mapping[str, float]] | None) -> Spans | None:
    if speech is None:
        return None
    return np.array([[span["start_s"], span["end_s"]] for span in speech], dtype=np.float64).reshape(-1, 2)
