"""Extraction after accidents: recordings that vanish, files that are lost, runs that overlap."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, RECORDINGS
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.state.date_state import DateState
from tests.support.pipeline import job_settings, read_rows, run, store_of
from tests.support.synth import stereo_wav, wav, write_files


def with_files(tmp_path: Path, files: dict[str, bytes], **changes: object) -> Settings:
    write_files(tmp_path / "archive", files)
    return job_settings(tmp_path, {"roles": {"mono": "customer"}, **changes})


def counted(settings: Settings) -> list[dict[str, Any]]:
    """The channels that count, of every date."""
    store, rules = store_of(settings), Extract(settings).rules
    dates = {row["call_date"] for row in read_rows(settings, RECORDINGS)}
    return [row for date in dates for row in DateState(store, date, rules).call_channels().to_pylist()]


def test_what_is_missing_is_tried_again_up_to_the_limit(spark: SparkSession, tmp_path: Path) -> None:
    files = {"here.wav": wav("sad"), "lost.wav": wav("sad"), "back.wav": wav("sad")}
    settings = with_files(tmp_path, files, quarantine={"max_attempts": 2})
    run(spark, Ingest, settings)
    lost, back = (Path(settings.archive.uri or "", name) for name in ("lost.wav", "back.wav"))
    lost.unlink()
    kept = back.rename(tmp_path / "back.wav")
    first = run(spark, Extract, settings)
    assert (first["extracted"], first["refused_now"], first["refused_before"]) == (1, 2, 0)
    kept.rename(back)
    second = run(spark, Extract, settings)
    assert (second["done_before"], second["extracted"], second["refused_now"]) == (1, 1, 1)
    third = run(spark, Extract, settings)
    assert (third["done_before"], third["refused_now"], third["refused_before"]) == (2, 0, 1)
    mine = [row for row in read_rows(settings, QUARANTINE) if row["uri"] == str(lost)]
    assert sorted(row["attempt"] for row in mine) == [1, 2]
    assert {row["reason"] for row in mine} == {"missing"}


def test_vectors_without_their_channels_file_do_not_count(spark: SparkSession, tmp_path: Path) -> None:
    settings = with_files(tmp_path, {"a.wav": wav("sad"), "b.wav": wav("happy")})
    run(spark, Ingest, settings)
    run(spark, Extract, settings)
    store = store_of(settings)
    for key in store.files(CHANNELS):
        store.storage.delete(key)
    assert len(read_rows(settings, FEATURES)) == 2
    again = run(spark, Extract, settings)
    assert (again["done_before"], again["extracted"]) == (0, 2)
    assert len(read_rows(settings, FEATURES)) == 4  # the killed run's vectors stay, and are not read:
    assert len(counted(settings)) == 2
    assert all(again["run_id"] in row["file"] for row in counted(settings))


def test_a_recording_extracted_by_two_runs_counts_once(spark: SparkSession, tmp_path: Path) -> None:
    settings = with_files(tmp_path, {"a.wav": wav("sad"), "b.wav": wav("happy")})
    run(spark, Ingest, settings)
    first, newest = run(spark, Extract, settings)["run_id"], "99991231T235959-ffffff"
    store = store_of(settings)
    for table in (CHANNELS, FEATURES):
        for key in store.files(table):
            store.storage.put(key.replace(first, newest), store.storage.read(key))
    assert len(read_rows(settings, CHANNELS)) == 4
    assert len(counted(settings)) == 2
    assert all(newest in row["file"] for row in counted(settings))
    assert run(spark, Extract, settings)["done_before"] == 2


def test_a_big_recording_and_small_ones_are_several_tasks(spark: SparkSession, tmp_path: Path) -> None:
    small = {f"small{number}.wav": wav("sad", 0.5, number) for number in range(8)}
    settings = with_files(tmp_path, {"big.wav": wav("happy", 30.0), **small})
    run(spark, Ingest, settings)
    row = run(spark, Extract, settings)
    store = store_of(settings)
    tasks = [store.read(key) for key in store.files(CHANNELS)]
    assert row["extracted"] == 9
    assert len(tasks) > 1
    (alone,) = (table for table in tasks if max(table.column("duration_s").to_pylist()) > 29)
    assert len(alone) == 1
    assert pa.concat_tables(tasks).column("recording_id").value_counts().to_pylist()[0]["counts"] == 1
    first = store.files(CHANNELS)[0]  # the largest recordings are in the tasks of the lowest numbers
    assert re.fullmatch(rf"channels/call_date=[0-9-]+/{row['run_id']}-00000-[0-9]+\.parquet", first)
    assert max(store.read(first).column("duration_s").to_pylist()) == pytest.approx(30.0)


def test_agents_allowed_later_are_extracted_then(spark: SparkSession, tmp_path: Path) -> None:
    write_files(tmp_path / "archive", {"call.wav": stereo_wav("sad", "angry")})
    customers = job_settings(tmp_path)
    run(spark, Ingest, customers)
    assert run(spark, Extract, customers)["extracted"] == 1
    assert {row["role"]: row["segments"] for row in read_rows(customers, CHANNELS)} == {"customer": 1, "agent": None}
    both = job_settings(tmp_path, {"scoring": {"roles": ["customer", "agent"], "purpose": "agreed training"}})
    later = run(spark, Extract, both)
    assert (later["extracted"], later["done_before"]) == (1, 0)
    assert {row["role"]: row["segments"] for row in counted(both)} == {"customer": 1, "agent": 1}
    assert run(spark, Extract, customers)["done_before"] == 1  # what serves both serves the customer too
