"""A short version of the fuzzing of `make faults`."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from tests.faults.fuzz import fuzz


def test_mutated_files_are_heard_or_refused_with_a_reason(spark: SparkSession, tmp_path: Path) -> None:
    found = fuzz(spark, tmp_path, 150, seed=0)
    assert (found.listed, found.unexplained) == (150, ())
    assert found.extracted > 20
    assert {"not_audio", "truncated"} <= set(found.reasons)
