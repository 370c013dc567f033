"""Recordings that bring their process down: those alone are quarantined, and the job does not notice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CHANNELS, QUARANTINE, RECORDINGS
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from tests.support.pipeline import job_settings, read_rows, run
from tests.support.synth import wav, write_files

BAD = {
    "crash.wav": ("segfaults", "decoder_crash"),
    "hang.wav": ("sleeps", "decoder_timeout"),
    "hog.wav": ("eats", "out_of_memory"),
    "odd.wav": ("raises", "decoder_crash"),
}
GOOD = [f"good-{number}.wav" for number in range(6)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_files(tmp_path / "archive", {name: wav("happy", 1.0, seed) for seed, name in enumerate([*GOOD, *BAD])})
    isolation = {"enabled": True, "memory_mb": 512, "base_s": 1.5}
    return job_settings(tmp_path, {"roles": {"mono": "customer"}, "isolation": isolation})


@pytest.fixture
def names(spark: SparkSession, settings: Settings, told: Path) -> Iterator[dict[str, str]]:
    run(spark, Ingest, settings)
    found = {row["recording_id"]: row["uri"].rpartition("/")[2] for row in read_rows(settings, RECORDINGS)}
    told.write_text(json.dumps({key: BAD[name][0] for key, name in found.items() if name in BAD}), encoding="utf-8")
    yield found
    told.unlink()


def test_only_what_does_harm_is_refused(spark: SparkSession, settings: Settings, names: dict[str, str]) -> None:
    failed = spark.sparkContext.statusTracker().getJobIdsForGroup()
    row = run(spark, Extract, settings)
    assert (row["status"], row["listed"], row["extracted"], row["refused_now"]) == ("done", 10, 6, 4)
    assert {names[one["recording_id"]] for one in read_rows(settings, CHANNELS)} == set(GOOD)
    refused = {names[one["recording_id"]]: one for one in read_rows(settings, QUARANTINE)}
    assert {name: one["reason"] for name, one in refused.items()} == {name: BAD[name][1] for name in BAD}
    assert "took longer than" in refused["hang.wav"]["detail"]
    assert "isolation.memory_mb" in refused["hog.wav"]["detail"]
    assert failed_tasks(spark, failed) == 0
    again = run(spark, Extract, settings)
    assert (again["extracted"], again["refused_now"], again["refused_before"]) == (0, 2, 2)


def failed_tasks(spark: SparkSession, before: list[int]) -> int:
    tracker = spark.sparkContext.statusTracker()
    stages = [
        stage
        for job in tracker.getJobIdsForGroup()
        if job not in before
        for stage in (tracker.getJobInfo(job) or pytest.fail(f"job {job} is not known")).stageIds
    ]
    infos = [info for info in map(tracker.getStageInfo, stages) if info is not None]
    assert infos
    return sum(info.numFailedTasks for info in infos)
