"""Readers during two re-scores see each call once."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from tests.faults.night import Night
from tests.faults.torn_reads import read_while_scored


def test_readers_see_each_call_once_while_it_is_scored_again(spark: SparkSession, tmp_path: Path) -> None:
    readers = read_while_scored(spark, Night.prepare(spark, tmp_path), 2)
    assert all(reader.looks for reader in readers.values())
    assert [text for reader in readers.values() for text in reader.torn] == []
