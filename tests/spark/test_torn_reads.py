"""Readers while two models score the same dates in turn see each row once, as its model has it."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.faults.night import Night
from tests.faults.torn_reads import read_while_scored


@pytest.mark.parametrize("on_s3", [False, True], ids=["folder", "s3"])
def test_readers_see_each_row_once_while_it_is_scored_again(
    spark: SparkSession, night: Night, s3_server: str, s3_bucket: str, on_s3: bool
) -> None:
    places = (f"s3://{s3_bucket}", s3_server) if on_s3 else ()
    readers = read_while_scored(spark, night, 4, *places)
    assert all(reader.looks for reader in readers.values())
    assert [text for reader in readers.values() for text in reader.torn] == []
