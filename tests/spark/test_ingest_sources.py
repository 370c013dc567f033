"""Archives that are no folder: a bucket, and a manifest that names recordings anywhere."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.pipeline.stages.ingest import Ingest
from tests.support.pipeline import PATTERN, job_settings, read_rows, run, store_of
from tests.support.synth import wav, write_csv, write_files


def test_a_bucket_is_listed_by_its_keys(spark: SparkSession, s3_server: str, s3_client: Any, s3_bucket: str) -> None:
    audio = wav("sad", 0.2)
    for key in ("2026/03/02/c1_a1.wav", "2026/03/03/c2_a1.WAV", "2026/03/03/notes.txt", "2026/03/03/_tmp.wav"):
        s3_client.put_object(Bucket=s3_bucket, Key=f"calls/archive/{key}", Body=audio)
    s3 = {"endpoint_url": s3_server, "region": "us-east-1"}
    changes = {"storage": {"s3": s3}, "archive": {"pattern": "{call_date:%Y/%m/%d}/{call_id}_{agent_id}.{ending}"}}
    settings = job_settings(f"s3://{s3_bucket}/calls", changes)
    assert run(spark, Ingest, settings)["listed"] == 2
    before = {row["call_id"]: row for row in read_rows(settings, RECORDINGS)}
    assert {row["uri"] for row in before.values()} == {
        f"s3://{s3_bucket}/calls/archive/2026/03/02/c1_a1.wav",
        f"s3://{s3_bucket}/calls/archive/2026/03/03/c2_a1.WAV",
    }
    s3_client.put_object(Bucket=s3_bucket, Key="calls/archive/2026/03/02/c1_a1.wav", Body=audio)  # the same bytes
    s3_client.put_object(Bucket=s3_bucket, Key="calls/archive/2026/03/03/c2_a1.WAV", Body=wav("happy", 0.2))
    run(spark, Ingest, settings)
    after = {row["call_id"]: row for row in read_rows(settings, RECORDINGS)}
    assert after["c1"]["version"] == before["c1"]["version"]
    assert after["c2"]["version"] != before["c2"]["version"]


def test_a_manifest_names_recordings_and_what_is_known_of_them(spark: SparkSession, tmp_path: Path) -> None:
    write_files(tmp_path, {"archive/in/a.wav": wav("sad", 0.2), "elsewhere/b.wav": wav("sad", 0.2)})
    write_csv(
        tmp_path / "archive/calls.csv",
        [
            {"uri": "in/a.wav", "call_id": "A", "queue": "billing", "call_date": "2026-03-02", "campaign": "spring"},
            {"uri": str(tmp_path / "elsewhere/b.wav"), "call_id": "B", "queue": "", "call_date": "", "campaign": ""},
            {"uri": "in/lost.wav", "call_id": "C", "queue": "", "call_date": "2026-03-02", "campaign": ""},
        ],
    )
    settings = job_settings(tmp_path, {"archive": {"uri": str(tmp_path / "archive/calls.csv")}})
    row = run(spark, Ingest, settings)
    assert (row["listed"], row["refused_now"]) == (3, 1)
    found = {one["call_id"]: one for one in read_rows(settings, RECORDINGS)}
    assert (found["A"]["call_date"], found["A"]["queue"]) == (dt.date(2026, 3, 2), "billing")
    assert found["A"]["call_date_source"] == "metadata"
    assert dict(found["A"]["extra"]) == {"campaign": "spring"}
    assert found["B"]["uri"] == str(tmp_path / "elsewhere/b.wav")
    assert found["B"]["call_date_source"] == "object_time"
    (refused,) = read_rows(settings, QUARANTINE)
    assert (refused["reason"], refused["uri"]) == ("missing", found["C"]["uri"])


def test_a_date_in_the_pattern_keeps_other_folders_unlisted(spark: SparkSession, tmp_path: Path) -> None:
    files = {f"2026/03/{day:02d}/c{day}_a1.wav": wav("sad", 0.2) for day in (1, 2, 3)}
    write_files(tmp_path / "archive", files)
    settings = job_settings(tmp_path, {"archive": {"pattern": PATTERN}, "call_date": "2026-03-02"})
    run(spark, Ingest, settings)
    assert [row["call_id"] for row in read_rows(settings, RECORDINGS)] == ["c2"]
    assert store_of(settings).partitions(RECORDINGS) == [{"call_date": "2026-03-02"}]
