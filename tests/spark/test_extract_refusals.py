"""A folder of bad files, extracted twice: nothing disappears, and no audio is touched twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, RECORDINGS
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from tests.support.audio import encode
from tests.support.pipeline import file_marks, job_settings, read_rows, run
from tests.support.synth import SR, wav, write_files

PARTS = ("done_before", "extracted", "refused_now", "refused_before")
REASONS = {
    "text.wav": "not_audio",
    "empty.wav": "empty",
    "cut.wav": "truncated",
    "no_frames.wav": "empty",
    "nan.wav": "not_finite",
    "twelve.wav": "too_many_channels",
    "big.wav": "too_large",
}
FIRST = {"listed": 9, "done_before": 0, "extracted": 2, "refused_now": 7, "refused_before": 0}
SECOND = {"listed": 9, "done_before": 2, "extracted": 0, "refused_now": 0, "refused_before": 7}


def bad_files() -> dict[str, bytes]:
    whole = wav("happy", 2.0)
    return {
        "good.wav": wav("happy", 9.0),
        "silent.wav": encode(np.zeros(SR, np.float32), SR),
        "text.wav": b"Dear customer, this is no sound.\n" * 40,
        "empty.wav": b"",
        "cut.wav": whole[: len(whole) // 2],
        "no_frames.wav": encode(np.zeros(0, np.float32), SR),
        "nan.wav": encode(np.full(SR, np.nan, np.float32), SR, subtype="FLOAT"),
        "twelve.wav": encode(np.full((SR // 4, 12), 0.1, np.float32), SR),
        "big.wav": wav("happy", 40.0),
    }


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("refusals")
    write_files(root / "archive", bad_files())
    return job_settings(root, {"roles": {"mono": "customer"}, "limits": {"max_size_mb": 0.5}})


@pytest.fixture(scope="module")
def runs(spark: SparkSession, settings: Settings) -> list[dict[str, Any]]:
    """Two extractions, with the names and times of all files between and after them."""
    run(spark, Ingest, settings)
    found = []
    for _ in range(2):
        row = run(spark, Extract, settings)
        marks = file_marks(Path(settings.tables.uri))
        own = ("runs/", "_lease/", "_state/lease")
        files = {name: at for name, at in marks.items() if not name.startswith(own)}
        found.append({**row, "files": files})
    return found


def names(settings: Settings) -> dict[str, str]:
    return {row["recording_id"]: row["call_id"] for row in read_rows(settings, RECORDINGS)}


def test_every_recording_is_accounted_for(runs: list[dict[str, Any]]) -> None:
    for row, expected in zip(runs, (FIRST, SECOND), strict=True):
        assert {name: row[name] for name in expected} == expected
        assert row["listed"] == sum(row[part] for part in PARTS)
        assert row["status"] == "done"


def test_each_bad_file_has_its_reason_once(runs: list[dict[str, Any]], settings: Settings) -> None:
    known = names(settings)
    refused = read_rows(settings, QUARANTINE)
    assert {known[row["recording_id"]]: row["reason"] for row in refused} == REASONS
    assert len(refused) == len(REASONS)
    for row in refused:
        assert row["attempt"] == 1
        assert row["detail"]
        assert row["run_id"] == runs[0]["run_id"]
        assert row["uri"].endswith(known[row["recording_id"]])


def test_the_good_file_has_features(runs: list[dict[str, Any]], settings: Settings) -> None:
    known = names(settings)
    rows = read_rows(settings, FEATURES)
    assert {known[row["recording_id"]] for row in rows} == {"good.wav"}
    assert [row["segment_no"] for row in rows] == list(range(len(rows)))
    assert rows[0]["start_s"] == 0.0
    assert rows[-1]["end_s"] == pytest.approx(9.0)
    assert all(len(row["vector"]) == 180 and np.isfinite(row["vector"]).all() for row in rows)


def test_silence_is_no_refusal(runs: list[dict[str, Any]], settings: Settings) -> None:
    known = names(settings)
    channels = {known[row["recording_id"]]: row for row in read_rows(settings, CHANNELS)}
    assert set(channels) == {"good.wav", "silent.wav"}
    assert channels["silent.wav"]["segments"] == 0
    assert channels["good.wav"]["segments"] == len(read_rows(settings, FEATURES))
    assert channels["good.wav"]["role"] == "customer"
    assert runs[0]["audio_s"] == pytest.approx(10.0)


def test_the_second_run_writes_nothing(runs: list[dict[str, Any]]) -> None:
    assert runs[1]["files"] == runs[0]["files"]
    assert "audio_s" not in runs[1]


def test_what_refused_them_may_change(spark: SparkSession, runs: list[dict[str, Any]], settings: Settings) -> None:
    """Each change tries the recordings again that it may concern, and no others."""
    assert runs[1]["refused_before"] == 7
    larger = settings.model_copy(update={"limits": settings.limits.model_copy(update={"max_size_mb": 99.0})})
    row = run(spark, Extract, larger)
    assert (row["extracted"], row["refused_now"], row["refused_before"]) == (1, 0, 6)
    channels = larger.model_copy(update={"limits": larger.limits.model_copy(update={"max_channels": 12})})
    row = run(spark, Extract, channels)
    assert (row["extracted"], row["refused_now"], row["refused_before"]) == (0, 1, 5)  # roles.channels has two
    row = run(spark, Extract, channels)
    assert (row["refused_now"], row["refused_before"]) == (0, 6)
    (twelve,) = [row for row in read_rows(settings, QUARANTINE) if "max_channels=12" in row["refused_by"]]
    assert twelve["reason"] == "too_many_channels"
    row = run(spark, Extract, settings)  # the old limit does not take back what has been extracted
    assert (row["done_before"], row["extracted"], row["refused_now"]) == (3, 0, 0)
