from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from ser_core.config import load_settings
from ser_core.data.tables.schemas import CALL_TALK
from ser_core.scoring.talk_tables import TALK_ROWS, talk_table

SETTINGS = load_settings(environ={}).talk


def row(call: str, recording: str, channel: int, role: str, **more: Any) -> dict[str, Any]:
    own = {"call_id": call, "recording_id": recording, "channel": channel, "role": role}
    measured = {"duration_s": 20.0, "speech": [], "syllables": 0, "loudness_dbfs": -20.0}
    return {"call_date": dt.date(2026, 3, 2), "agent_id": None, "queue": None, **measured, **own, **more}


def test_one_row_a_call_from_channels_and_from_legs() -> None:
    spoken = [{"start_s": 0.0, "end_s": 4.0}]
    rows = [
        row("b", "r3", 0, "agent", speech=spoken, agent_id="a7"),  # two files, a leg each
        row("a", "r1", 1, "agent"),
        row("b", "r2", 0, "customer", queue="sales"),
        row("a", "r1", 0, "customer", speech=spoken, syllables=16),
        row("c", "r4", 0, "mixed", speech=None),
    ]
    result = talk_table(pa.Table.from_pylist(rows, TALK_ROWS), (), SETTINGS, "run")
    assert result.schema.equals(CALL_TALK.schema)
    a, b, c = result.to_pylist()
    assert (a["call_id"], a["customer_talk_s"], a["agent_talk_s"], a["speaking_rate"]) == ("a", 4, 0, 4)
    assert (b["agent_talk_s"], b["customer_talk_s"], b["agent_id"], b["queue"]) == (4, 0, "a7", "sales")
    assert (c["duration_s"], c["silence_s"], c["silences"]) == (20, None, None)
    assert {facts["run_id"] for facts in (a, b, c)} == {"run"}


def test_no_channels_no_calls() -> None:
    assert talk_table(TALK_ROWS.empty_table(), (), SETTINGS, "run").equals(CALL_TALK.schema.empty_table())


def test_a_missing_leg_leaves_open_what_depends_on_both_sides() -> None:
    spoken = [{"start_s": 0.0, "end_s": 4.0}]
    channels = [row("a", "r1", 0, "customer", speech=spoken), row("b", "r2", 0, "customer")]
    rows = pa.Table.from_pylist(channels, TALK_ROWS)
    a, b = talk_table(rows, {"a"}, SETTINGS, "run").to_pylist()
    assert (a["customer_talk_s"], a["silence_s"], a["silences"], a["crosstalk_s"]) == (4, None, None, None)
    assert (b["silence_s"], b["silences"]) == (20, 1)
