"""Closed dates compacted by Spark, a task a date: nothing is stale and nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CHANNELS, FEATURES
from ser_core.data.tables.store import TableStore, log_key
from ser_core.errors import PublishRefusedError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.compact import compact_closed
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import Run
from tests.support.pipeline import read_rows, run, store_of

DATES = (dt.date(2026, 3, 2), dt.date(2026, 3, 3))


def many_files(store: TableStore, *dates: dt.date) -> None:
    """As if each date had been extracted again by every one of five nights."""
    for date in dates:
        for table in (FEATURES, CHANNELS):
            (key, *_) = store.files_of(table, call_date=date)
            for task in range(5):
                store.write(log_key(table, "20990101T000000-aaaaaa", task, call_date=date), store.read(key))


def test_compacted_dates_are_scored_alike(spark: SparkSession, copied: Callable[..., Settings]) -> None:
    settings = copied({"spark": {"driver_rows": 0}})
    store = store_of(settings)
    many_files(store, *DATES)
    rows = {table.name: read_rows(settings, table) for table in (CHANNELS, FEATURES)}
    assert all(not Dates(store).row(date)["open"] for date in DATES)
    night = Run("nightly", None)
    compact_closed(Cluster("test", settings.spark, spark), settings, store, DATES, night)
    assert night.summary["compacted_dates"] == 2
    for table in (CHANNELS, FEATURES):
        assert [len(store.files_of(table, call_date=date)) for date in DATES] == [1, 1]
        left = read_rows(settings, table)
        assert {str(row) for row in left} == {str(row) for row in rows[table.name]}
        assert len(left) < len(rows[table.name])
    extracted = run(spark, Extract, settings)
    assert (extracted["done_before"], extracted["extracted"]) == (4, 0)
    assert run(spark, Score, settings)["scored_calls"] == 0


def test_a_night_compacts_the_closed_dates_that_it_has_worked_on(
    spark: SparkSession, copied: Callable[..., Settings]
) -> None:
    settings = copied({"call_date": str(DATES[0])})
    store = store_of(settings)
    many_files(store, *DATES)
    row = run(spark, Nightly, settings)
    assert row["compacted_dates"] == 1
    assert [len(store.files_of(CHANNELS, call_date=date)) for date in DATES] == [1, 7]
    assert run(spark, Nightly, settings)["scored_calls"] == 0


def test_a_date_that_is_held_back_keeps_no_other_from_being_compacted(
    spark: SparkSession, copied: Callable[..., Settings]
) -> None:
    settings = copied({"call_date": str(DATES[1])})
    store = store_of(settings)
    many_files(store, DATES[0])
    for path in Path(settings.archive.uri or "", f"{DATES[1]:%Y/%m/%d}").iterdir():
        path.write_bytes(b"no audio any more")
    with pytest.raises(PublishRefusedError):
        run(spark, Nightly, settings)
    assert len(store.files_of(CHANNELS, call_date=DATES[0])) == 1
