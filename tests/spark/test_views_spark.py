"""deploy/sql/views.sql gives the same rows in Spark SQL and in DuckDB, over the folder's Parquet files.

In Spark, the views current_* are made as the comment of views.sql says; in DuckDB they are those of `ser query`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.schemas import TABLES
from tests.support.pipeline import store_of

VIEWS = (Path(__file__).parents[2] / "deploy/sql/views.sql").read_text(encoding="utf-8")
NAMES = {"daily_emotion_by_queue": 2, "worst_calls": 3, "daily_talk_by_queue": 2}
PROMOTED = ("emotions/1", "emotions/7")
"""The model that has scored, and one that has not: then the rows of the former stay."""
Rows = list[tuple[Any, ...]]


def plain(value: Any) -> Any:
    return round(float(value), 6) if isinstance(value, float | Decimal) else value


def sorted_rows(columns: list[str], rows: list[Any]) -> Rows:
    order = sorted(range(len(columns)), key=lambda place: columns[place])
    return sorted(tuple(plain(row[place]) for place in order) for row in rows)


def current_views(promoted: str) -> list[str]:
    """The statements that the comment gives, for both tables."""
    lines = re.findall(r"^--     (.*)$", VIEWS, flags=re.MULTILINE)
    one = "\n".join(lines).replace("emotions/1", promoted)
    assert one.startswith("CREATE OR REPLACE TEMPORARY VIEW current_call_emotions")
    return [one, one.replace("call_emotions", "segment_emotions")]


def in_spark(spark: SparkSession, tables: str, promoted: str) -> dict[str, Rows]:
    for name in TABLES:
        spark.read.parquet(f"{tables}/{name}").createOrReplaceTempView(name)
    for statement in (*current_views(promoted), *VIEWS.split(";")):
        if statement.strip():
            spark.sql(statement)
    frames = {name: spark.table(name) for name in NAMES}
    return {name: sorted_rows(frame.columns, frame.collect()) for name, frame in frames.items()}


def in_duckdb(catalog: Catalog) -> dict[str, Rows]:
    rows = {}
    for name in NAMES:
        (view,) = (part for part in VIEWS.split(";") if f"TEMPORARY VIEW {name} AS" in part)
        answer = catalog.query(view[view.index(f"{name} AS\n") + len(f"{name} AS\n") :])
        rows[name] = sorted_rows(answer.column_names, [tuple(row.values()) for row in answer.to_pylist()])
    return rows


@pytest.mark.parametrize("promoted", PROMOTED)
def test_both_engines_see_the_same(
    spark: SparkSession, scored: tuple[Settings, Mapping[str, Any]], promoted: str
) -> None:
    settings, _ = scored
    ours = in_spark(spark, settings.tables.uri, promoted)
    theirs = in_duckdb(Catalog(store_of(settings), promoted))
    assert {name: len(rows) for name, rows in ours.items()} == NAMES
    assert ours == theirs
