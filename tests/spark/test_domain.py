"""A scored archive names what it was measured from, and the same archive is always measured alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.populations import POPULATIONS
from ser_core.data.tables.schemas import CALL_EMOTIONS, RUNS, SEGMENT_EMOTIONS
from ser_core.data.upkeep.call_rows import Calls
from ser_core.data.upkeep.forget import erase
from ser_core.learning.training.domain_files import DomainFiles
from ser_core.pipeline.stages import domain_renewal, measure_dates
from ser_core.pipeline.stages.score import Score
from tests.support.pipeline import read_rows, run, same_rows, store_of

Scored = tuple[Settings, dict[str, Any]]
Copied = Callable[..., Settings]
MONDAY = dt.date(2026, 3, 2)
TABLES = (SEGMENT_EMOTIONS, CALL_EMOTIONS)


def again(settings: Settings) -> Settings:
    return settings.model_copy(update={"scoring": settings.scoring.model_copy(update={"again": True})})


def versions(settings: Settings) -> set[str | None]:
    return {row["domain_version"] for table in TABLES for row in read_rows(settings, table)}


def same_scores(a: Settings, b: Settings) -> None:
    for table in TABLES:
        same_rows(store_of(a), store_of(b), table)


def not_read(*_: object) -> None:
    raise AssertionError("vectors are read")


def test_rows_and_runs_name_the_domain(scored: Scored) -> None:
    settings, row = scored
    assert row["domain_version"].startswith("2026-03-03-")
    assert versions(settings) == {row["domain_version"]}
    (kept,) = (one for one in read_rows(settings, RUNS) if one["run_id"] == row["run_id"])
    segments = read_rows(settings, SEGMENT_EMOTIONS)
    assert kept["domain_version"] == row["domain_version"]
    assert kept["familiarity"] == pytest.approx(sum(one["familiarity"] for one in segments) / len(segments), rel=1e-5)
    assert len(list(store_of(settings).storage.list(POPULATIONS))) == 2


def test_the_same_archive_is_measured_alike_without_reading_vectors_again(
    spark: SparkSession, scored: Scored, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied()
    monkeypatch.setattr(domain_renewal, "measure_dates", not_read)
    row = run(spark, Score, again(settings))
    assert row["scored_segments"] == scored[1]["scored_segments"]
    assert row["domain_version"] == scored[1]["domain_version"]
    same_scores(scored[0], settings)


def test_a_night_without_news_does_not_look_at_the_domain(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied()
    monkeypatch.setattr(domain_renewal.DomainRenewal, "populations", not_read)
    assert run(spark, Score, settings)["scored_segments"] == 0


@pytest.mark.parametrize("owner", ["DatePopulations", "DomainFiles"])
def test_a_killed_run_heals(
    spark: SparkSession, scored: Scored, copied: Copied, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    settings = copied()
    for folder in (Path(settings.tables.uri, POPULATIONS), Path(settings.models.uri, "_domains")):
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            path.unlink()

    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(getattr(domain_renewal, owner), "keep", killed)
        run(spark, Score, again(settings))
    assert run(spark, Score, again(settings))["domain_version"] == scored[1]["domain_version"]
    same_scores(scored[0], settings)


def test_vectors_are_read_by_spark_as_by_the_driver(
    spark: SparkSession, scored: Scored, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied()
    for key in [info.key for info in store_of(settings).storage.list(POPULATIONS)]:
        store_of(settings).delete(key)
    monkeypatch.setattr(measure_dates, "_DRIVER_SEGMENTS", 0)
    assert run(spark, Score, again(settings))["domain_version"] == scored[1]["domain_version"]
    assert len(list(store_of(settings).storage.list(POPULATIONS))) == 2
    same_scores(scored[0], settings)


def test_forgotten_calls_leave_the_domain(spark: SparkSession, scored: Scored, copied: Copied) -> None:
    settings = copied()
    store = store_of(settings)
    ids = {row["recording_id"] for row in read_rows(settings, SEGMENT_EMOTIONS) if row["call_id"] == "c1"}
    erase(store, {MONDAY: Calls(frozenset(ids), frozenset({"c1"}), frozenset(), MONDAY)}, lambda *_: None)
    assert [info.key.rpartition("/")[2] for info in store.storage.list(POPULATIONS)] == ["2026-03-03.npz"]
    row = run(spark, Score, settings)
    assert len(list(store.storage.list(POPULATIONS))) == 2
    models = open_storage(settings.models.uri, settings.storage)
    files = DomainFiles(models, settings.archive.name, row["feature_set"], 180)
    old, new = files.read(scored[1]["domain_version"]), files.read(row["domain_version"])
    assert new.everything.count < old.everything.count


def test_without_a_domain_the_training_corpora_count(spark: SparkSession, scored: Scored, copied: Copied) -> None:
    settings = copied({"domain": {"enabled": False}})
    row = run(spark, Score, settings)  # the dates are scored again: what they depend on has changed
    assert row["scored_segments"] == scored[1]["scored_segments"]
    assert "domain_version" not in row
    assert versions(settings) == {None}
