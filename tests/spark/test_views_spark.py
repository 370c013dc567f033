"""deploy/sql/views.sql gives the same rows in Spark SQL and in DuckDB, over the folder's Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_TALK, RECORDINGS

VIEWS = (Path(__file__).parents[2] / "deploy/sql/views.sql").read_text(encoding="utf-8")
STANDING = {"current_call_emotions": "call_emotions", "current_segment_emotions": "segment_emotions"}
NAMES = {"daily_emotion_by_queue": 2, "worst_calls": 3, "daily_talk_by_queue": 0}
Rows = list[tuple[Any, ...]]


def plain(value: Any) -> Any:
    return round(float(value), 6) if isinstance(value, float | Decimal) else value


def sorted_rows(columns: list[str], rows: list[Any]) -> Rows:
    order = sorted(range(len(columns)), key=lambda place: columns[place])
    return sorted(tuple(plain(row[place]) for place in order) for row in rows)


def in_spark(spark: SparkSession, tables: str) -> dict[str, Rows]:
    for view, table in {**STANDING, RECORDINGS.name: RECORDINGS.name}.items():
        spark.read.parquet(f"{tables}/{table}").createOrReplaceTempView(view)
    spark.createDataFrame(CALL_TALK.schema.empty_table()).createOrReplaceTempView(CALL_TALK.name)
    for statement in VIEWS.split(";"):
        if statement.strip():
            spark.sql(statement)
    frames = {name: spark.table(name) for name in NAMES}
    return {name: sorted_rows(frame.columns, frame.collect()) for name, frame in frames.items()}


def in_duckdb(tables: str) -> dict[str, Rows]:
    with duckdb.connect() as db:
        for view, table in {**STANDING, RECORDINGS.name: RECORDINGS.name}.items():
            source = f"read_parquet('{tables}/{table}/**/*.parquet', hive_partitioning=false)"
            db.execute(f"CREATE VIEW {view} AS SELECT * FROM {source}")
        talk = CALL_TALK.schema.empty_table()
        db.register(CALL_TALK.name, talk)
        db.execute(VIEWS)
        found = {}
        for name in NAMES:
            answer = db.execute(f"SELECT * FROM {name}")
            found[name] = sorted_rows([column[0] for column in answer.description], answer.fetchall())
        return found


@pytest.fixture(scope="module")
def both(spark: SparkSession, scored: tuple[Settings, Mapping[str, Any]]) -> tuple[dict[str, Rows], dict[str, Rows]]:
    tables = scored[0].tables.uri
    return in_spark(spark, tables), in_duckdb(tables)


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_see_the_same(both: tuple[dict[str, Rows], dict[str, Rows]], name: str) -> None:
    ours, theirs = both
    assert len(ours[name]) == NAMES[name]
    assert ours[name] == theirs[name]
