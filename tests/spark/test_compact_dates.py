"""Closed dates compacted by Spark, a task a date: nothing is stale and nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CHANNELS, FEATURES
from ser_core.data.tables.store import log_key
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.compact import compact_closed
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import Run
from tests.support.pipeline import read_rows, run, store_of

DATES = (dt.date(2026, 3, 2), dt.date(2026, 3, 3))


def test_compacted_dates_are_scored_alike(spark: SparkSession, copied: Callable[..., Settings]) -> None:
    settings = copied({"spark": {"driver_rows": 0}})
    store = store_of(settings)
    for date in DATES:  # as if extracted again by every one of five nights
        for table in (FEATURES, CHANNELS):
            (key, *_) = store.files_of(table, call_date=date)
            for task in range(5):
                store.write(log_key(table, "20990101T000000-aaaaaa", task, call_date=date), store.read(key))
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
