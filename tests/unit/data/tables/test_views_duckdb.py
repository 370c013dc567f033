"""deploy/sql/views.sql in DuckDB, on small tables whose answers are planted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, RECORDINGS, SEGMENT_EMOTIONS, Table

VIEWS = Path(__file__).parents[4] / "deploy" / "sql" / "views.sql"
DAY = dt.date(2026, 3, 2)


def call(call_id: str, emotion: str | None, speech_s: float, valence: float | None, **more: Any) -> dict[str, Any]:
    return {
        "model_version": "m/1", "call_id": call_id, "role": "customer", "call_date": DAY, "agent_id": "agent-01",
        "queue": "billing", "dominant_emotion": emotion, "speech_s": speech_s, "valence": valence, "arousal": 0.1,
        "escalated": False, "recovered": False, "longest_negative_s": 0.0,
    } | more  # fmt: skip


CALLS = [
    call("a", "angry", 30.0, -0.5, escalated=True, longest_negative_s=4.0),
    call("b", "neutral", 10.0, 0.1, longest_negative_s=9.0),
    call("c", "neutral", 20.0, None, longest_negative_s=None),
    call("d", "happy", 60.0, 0.5, queue=None),
    call("e", None, 5.0, 0.5, queue=None),
    call("a", "happy", 99.0, 0.9, role="agent"),
]
SEGMENTS = [
    {"call_id": "a", "call_date": DAY, "role": role, "start_s": start, "valence": valence}
    for role, start, valence in [("customer", 0.0, -0.1), ("customer", 4.0, -0.8), ("agent", 8.0, -0.9)]
]
OBJECTS = [
    {"recording_id": "1", "call_id": "a", "call_date": DAY, "uri": "a-old.wav", "duplicate_of": "2"},
    {"recording_id": "2", "call_id": "a", "call_date": DAY, "uri": "a.wav"},
]
TALK = [
    {"call_id": "a", "call_date": DAY, "queue": "billing", "duration_s": 60.0, "customer_talk_s": 30.0,
     "agent_talk_s": 20.0, "silence_s": 12.0, "crosstalk_s": 2.0},
    {"call_id": "b", "call_date": DAY, "queue": "billing", "duration_s": 40.0, "customer_talk_s": 10.0,
     "agent_talk_s": 20.0, "silence_s": 10.0, "crosstalk_s": 0.0},
]  # fmt: skip


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    tables: list[tuple[str, Table, list[dict[str, Any]]]] = [
        ("current_call_emotions", CALL_EMOTIONS, CALLS),
        ("current_segment_emotions", SEGMENT_EMOTIONS, SEGMENTS),
        ("call_talk", CALL_TALK, TALK),
        ("recordings", RECORDINGS, OBJECTS),
    ]
    with duckdb.connect() as connection:
        for name, table, rows in tables:
            path = tmp_path / f"{name}.parquet"
            pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
            connection.execute(f"CREATE TEMPORARY VIEW {name} AS SELECT * FROM read_parquet('{path}')")
        for _ in range(2):  # a session may run it again
            connection.execute(VIEWS.read_text(encoding="utf-8"))
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return connection.sql(query).to_arrow_table().to_pylist()


def test_a_queues_day(connection: duckdb.DuckDBPyConnection) -> None:
    billing, unknown = rows(connection, "SELECT * FROM daily_emotion_by_queue ORDER BY queue")
    assert (billing["queue"], billing["calls"]) == ("billing", 3)
    assert float(billing["speech_h"]) == pytest.approx(60.0 / 3600.0)
    assert float(billing["share_calls_angry"]) == pytest.approx(1 / 3)
    assert float(billing["share_calls_neutral"]) == pytest.approx(2 / 3)
    assert float(billing["mean_valence"]) == pytest.approx((30 * -0.5 + 10 * 0.1) / 40)
    assert float(billing["mean_arousal"]) == pytest.approx(0.1)
    assert float(billing["share_escalated"]) == pytest.approx(1 / 3)
    assert (unknown["queue"], unknown["calls"], float(unknown["share_calls_happy"])) == ("unknown", 2, 0.5)


def test_shares_of_calls_sum_to_one(connection: duckdb.DuckDBPyConnection) -> None:
    for row in rows(connection, "SELECT * FROM daily_emotion_by_queue"):
        decided = sum(float(value) for name, value in row.items() if name.startswith("share_calls_"))
        assert decided + float(row["share_undecided"]) == pytest.approx(1.0)
        assert float(row["share_undecided"]) == (0.5 if row["queue"] == "unknown" else 0.0)


def test_every_emotion_has_its_share(connection: duckdb.DuckDBPyConnection) -> None:
    emotions = {name.removeprefix("share_") for name in CALL_EMOTIONS.schema.names if name.startswith("share_")}
    names = {column[0] for column in connection.execute("DESCRIBE daily_emotion_by_queue").fetchall()}
    assert {name.removeprefix("share_calls_") for name in names if name.startswith("share_calls_")} == emotions


def test_worst_calls_come_first_with_what_to_play(connection: duckdb.DuckDBPyConnection) -> None:
    worst = rows(connection, "SELECT * FROM worst_calls ORDER BY place")
    assert [(row["place"], row["call_id"]) for row in worst] == [(1, "a"), (2, "b"), (3, "d"), (4, "e"), (5, "c")]
    assert (worst[0]["uri"], worst[0]["worst_at_s"]) == ("a.wav", 4.0)
    assert (worst[1]["uri"], worst[1]["worst_at_s"]) == (None, None)


def test_talk_of_a_queues_day(connection: duckdb.DuckDBPyConnection) -> None:
    (row,) = rows(connection, "SELECT * FROM daily_talk_by_queue")
    assert float(row["share_customer_talk"]) == pytest.approx(0.4)
    assert float(row["share_silence"]) == pytest.approx(0.22)
    assert float(row["share_crosstalk"]) == pytest.approx(0.02)


def test_the_text_splits_into_statements_at_semicolons() -> None:
    *statements, rest = VIEWS.read_text(encoding="utf-8").split(";")
    assert len(statements) == 3
    assert all("CREATE OR REPLACE TEMPORARY VIEW" in statement for statement in statements)
    assert not rest.strip()


def test_no_view_has_an_agent_in_it(connection: duckdb.DuckDBPyConnection) -> None:
    for view in ("daily_emotion_by_queue", "worst_calls", "daily_talk_by_queue"):
        assert "agent_id" not in {column[0] for column in connection.execute(f"DESCRIBE {view}").fetchall()}
    assert not rows(connection, "SELECT * FROM worst_calls WHERE role = 'agent'")
