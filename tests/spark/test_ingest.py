"""The archive's life as `recordings` tells it: new, again, gone, back, replaced."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.pipeline.stages.ingest import Ingest
from tests.support.pipeline import PATTERN, file_marks, job_settings, read_rows, run, same_tables, store_of
from tests.support.synth import wav, write_csv, write_files

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
DATED = {"archive": {"pattern": PATTERN}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    files = {f"2026/03/02/c{n}_a1.wav": wav("sad", 0.2, n) for n in range(3)}
    write_files(tmp_path / "archive", {**files, "2026/03/03/c9_a2.wav": wav("happy", 0.2), "notes.txt": b"no audio"})
    return job_settings(tmp_path, DATED)


def by_call(settings: Settings) -> dict[str, dict[str, Any]]:
    return {row["call_id"]: row for row in read_rows(settings, RECORDINGS)}


def later(path: Path, seconds: int) -> None:
    moment = path.stat().st_mtime + seconds
    os.utime(path, (moment, moment))


def test_paths_name_the_recordings(spark: SparkSession, settings: Settings) -> None:
    row = run(spark, Ingest, settings)
    assert row["listed"] == 4
    found = by_call(settings)
    assert {call: (one["call_date"], one["agent_id"]) for call, one in found.items()} == {
        "c0": (MONDAY, "a1"),
        "c1": (MONDAY, "a1"),
        "c2": (MONDAY, "a1"),
        "c9": (TUESDAY, "a2"),
    }
    path = Path(settings.archive.uri or "", "2026/03/03/c9_a2.wav")
    nine = found["c9"]
    assert nine["uri"] == str(path)
    assert nine["size_bytes"] == path.stat().st_size
    assert nine["call_date_source"] == "path"
    assert nine["gone_at"] is None
    assert nine["duplicate_of"] is None
    assert nine["run_id"] == row["run_id"]


def test_every_bucket_has_its_file_the_empty_ones_too(spark: SparkSession, settings: Settings) -> None:
    run(spark, Ingest, settings)
    expected = {
        f"recordings/call_date={day}/bucket-{bucket:04d}.parquet" for day in (MONDAY, TUESDAY) for bucket in (0, 1)
    }
    assert set(store_of(settings).files(RECORDINGS)) == expected
    sizes = [len(store_of(settings).read(key)) for key in sorted(expected)]
    assert sum(sizes) == 4
    assert 0 in sizes[2:]  # one call on Tuesday, two buckets


def test_a_second_run_changes_nothing(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    run(spark, Ingest, settings)
    other = settings.model_copy(update={"tables": settings.tables.model_copy(update={"uri": str(tmp_path / "other")})})
    run(spark, Ingest, other)
    run(spark, Ingest, other)
    store = store_of(other)
    for key in store.files(RECORDINGS):
        ours, theirs = (table.drop_columns("run_id") for table in (store.read(key), store_of(settings).read(key)))
        assert ours.equals(theirs)


def test_a_deleted_file_is_gone_and_a_returned_one_is_not(spark: SparkSession, settings: Settings) -> None:
    run(spark, Ingest, settings)
    path = Path(by_call(settings)["c1"]["uri"])
    kept = path.rename(path.with_name("c1_a1.bak"))
    row = run(spark, Ingest, settings)
    assert row["listed"] == 3
    gone = by_call(settings)["c1"]["gone_at"]
    assert gone is not None
    assert dt.datetime.now(dt.UTC) - gone < dt.timedelta(minutes=5)
    run(spark, Ingest, settings)
    assert by_call(settings)["c1"]["gone_at"] == gone  # when it was first missed
    kept.rename(path)
    run(spark, Ingest, settings)
    assert by_call(settings)["c1"]["gone_at"] is None
    assert len(by_call(settings)) == 4


def test_a_new_upload_replaces_the_row(spark: SparkSession, settings: Settings) -> None:
    run(spark, Ingest, settings)
    before = by_call(settings)["c1"]
    Path(before["uri"]).write_bytes(wav("angry", 0.4))
    run(spark, Ingest, settings)
    after = by_call(settings)["c1"]
    assert len(read_rows(settings, RECORDINGS)) == 4
    assert after["recording_id"] == before["recording_id"]
    assert after["version"] != before["version"]
    assert after["size_bytes"] > before["size_bytes"]


def test_of_two_recordings_of_a_call_the_newest_counts(spark: SparkSession, settings: Settings) -> None:
    archive = Path(settings.archive.uri or "")
    newest = archive / "2026/03/02/c1_a2.wav"
    write_files(archive, {"2026/03/02/c1_a2.wav": wav("sad", 0.3)})
    later(newest, 60)
    run(spark, Ingest, settings)
    rows = {row["agent_id"]: row for row in read_rows(settings, RECORDINGS) if row["call_id"] == "c1"}
    assert rows["a1"]["duplicate_of"] == rows["a2"]["recording_id"]
    assert rows["a2"]["duplicate_of"] is None
    newest.unlink()
    run(spark, Ingest, settings)
    rows = {row["agent_id"]: row for row in read_rows(settings, RECORDINGS) if row["call_id"] == "c1"}
    assert rows["a1"]["duplicate_of"] is None  # what is gone hides nothing
    assert rows["a2"]["gone_at"] is not None


def test_a_path_without_a_place_is_refused_once_and_listed(spark: SparkSession, settings: Settings) -> None:
    write_files(Path(settings.archive.uri or ""), {"inbox/odd.wav": wav("sad", 0.2)})
    assert run(spark, Ingest, settings)["refused_now"] == 1
    assert run(spark, Ingest, settings)["refused_now"] == 0
    (refused,) = read_rows(settings, QUARANTINE)
    assert (refused["reason"], refused["attempt"]) == ("unmatched_path", 1)
    assert PATTERN in refused["detail"]
    assert by_call(settings)["inbox/odd.wav"]["recording_id"] == refused["recording_id"]


def test_one_date_touches_its_partition_only(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    run(spark, Ingest, settings)
    folder = tmp_path / "tables" / "recordings"
    before = file_marks(folder)
    archive = Path(settings.archive.uri or "")
    write_files(archive, {"2026/03/02/new_a1.wav": wav("sad", 0.2), "2026/03/03/new2_a1.wav": wav("sad", 0.2)})
    (archive / "2026/03/02/c0_a1.wav").unlink()
    row = run(spark, Ingest, settings.model_copy(update={"call_date": TUESDAY}))
    after = file_marks(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert row["listed"] == 2
    assert {name.partition("/")[0] for name in changed} == {f"call_date={TUESDAY}"}
    assert set(by_call(settings)) == {"c0", "c1", "c2", "c9", "new2"}
    assert by_call(settings)["c0"]["gone_at"] is None  # Monday was not looked at


def test_what_the_metadata_knows_is_joined(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    columns = ("call_id", "queue", "agent_id", "started_at", "roles", "campaign")
    known = ("c1", "billing", "unused", "2026-03-02T23:30:00", "0=agent,1=customer", "spring")
    write_csv(tmp_path / "calls.csv", [dict(zip(columns, known, strict=True))])
    archive = {"metadata": str(tmp_path / "calls.csv"), "timezone": "Europe/Berlin"}
    joined = settings.model_copy(update={"archive": settings.archive.model_copy(update=archive)})
    run(spark, Ingest, joined)
    found = by_call(joined)
    assert (found["c1"]["queue"], found["c0"]["queue"]) == ("billing", None)
    assert found["c1"]["agent_id"] == "a1"  # the path goes first
    assert found["c1"]["started_at"] == dt.datetime(2026, 3, 2, 22, 30, tzinfo=dt.UTC)
    assert dict(found["c1"]["extra"]) == {"roles": "0=agent,1=customer", "campaign": "spring"}


def test_two_roots_fill_alike(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"tables": settings.tables.model_copy(update={"uri": str(tmp_path / "other")})})
    run(spark, Ingest, settings)
    run(spark, Ingest, other)
    same_tables(store_of(settings), store_of(other))
    (Path(settings.archive.uri or "") / "2026/03/02/c0_a1.wav").unlink()
    run(spark, Ingest, other)
    with pytest.raises(AssertionError, match=r"recordings.gone_at|runs"):
        same_tables(store_of(settings), store_of(other))
