"""Spark and Python put a call into the same bucket."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from ser_core.data.tables.store import bucket_of
from ser_core.pipeline.stages.ingest import bucket_column

CALL_IDS = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), min_size=20, max_size=200)


@pytest.mark.parametrize("buckets", [1, 8, 4096])
def test_known_names(spark: SparkSession, buckets: int) -> None:
    names = ["", "c1", "2026/03/02/c1_a1.wav", "Grüße", "客户-17", "🎧", "e\u0301", "\u00e9", "a\0b", "x" * 5000]
    _compare(spark, names, buckets)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALL_IDS, st.integers(1, 4096))
def test_any_text(spark: SparkSession, names: list[str], buckets: int) -> None:
    _compare(spark, names, buckets)


def _compare(spark: SparkSession, names: list[str], buckets: int) -> None:
    frame = spark.createDataFrame([(name,) for name in names], ["call_id"])
    found = frame.select("call_id", bucket_column(buckets).alias("bucket")).collect()
    assert [(row.call_id, row.bucket) for row in found] == [(name, bucket_of(name, buckets)) for name in names]
