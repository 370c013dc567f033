from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ser_core.data.archive.metadata_files import MetadataFile, MetadataFiles
from ser_core.data.storage import S3Storage
from ser_core.errors import SettingsError
from tests.support.s3 import storage_settings

SETTINGS = storage_settings()
MONDAY, TUESDAY, FRIDAY = (dt.date(2026, 3, day) for day in (2, 3, 6))


def written(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("call_id\n1\n")


def test_a_single_file_is_of_any_date(tmp_path: Path) -> None:
    written(tmp_path, "calls.csv", "a{b.csv")
    uri = str(tmp_path / "calls.csv")
    assert MetadataFiles(uri, SETTINGS).of_dates([MONDAY]) == [MetadataFile(uri, None)]
    assert MetadataFiles(uri, SETTINGS).of_dates(None) == [MetadataFile(uri, None)]
    escaped = MetadataFiles(f"{tmp_path}/a{{{{b.csv", SETTINGS)
    assert escaped.of_dates(None) == [MetadataFile(f"{tmp_path}/a{{b.csv", None)]


@pytest.mark.parametrize(
    ("group", "form"),
    [
        ("{call_date}", "%Y-%m-%d"),
        ("{call_date:%Y%m%d}", "%Y%m%d"),
        ("{call_date:%Y/%m/%d}", "%Y/%m/%d"),
        ("in/{call_date:%d.%m.%y}", "in/%d.%m.%y"),
    ],
)
def test_a_file_a_date(tmp_path: Path, group: str, form: str) -> None:
    names = {date: f"calls-{date.strftime(form)}.csv" for date in (TUESDAY, MONDAY)}
    written(tmp_path, *names.values(), "calls-.csv", "calls-2026-02-31.csv", "calls-all.csv", "notes.csv", "calls.csv")
    files = MetadataFiles(f"{tmp_path}/calls-{group}.csv", SETTINGS)
    every = [MetadataFile(f"{tmp_path}/{names[date]}", date) for date in (MONDAY, TUESDAY)]
    assert files.of_dates(None) == every
    assert files.of_dates([FRIDAY, TUESDAY, MONDAY]) == every
    assert files.of_dates([TUESDAY]) == every[1:]
    assert files.of_dates([FRIDAY]) == files.of_dates([]) == []


def test_the_files_may_be_beside_the_job_or_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = MetadataFiles("{call_date}.csv", SETTINGS)
    assert files.of_dates(None) == files.of_dates([MONDAY]) == []
    written(tmp_path, "2026-03-02.csv")
    assert files.of_dates(None) == files.of_dates([MONDAY]) == [MetadataFile("2026-03-02.csv", MONDAY)]


def test_a_file_a_date_in_a_bucket(s3_server: str, s3_bucket: str) -> None:
    settings = storage_settings(s3_server)
    bucket = S3Storage(s3_bucket, "", settings.s3)
    for key in ("20260302.csv", "20260303.csv", "x/20260303.csv"):
        bucket.put(key, b"call_id\n1\n")
    files = MetadataFiles(f"s3://{s3_bucket}/{{call_date:%Y%m%d}}.csv", settings)
    monday, tuesday = (MetadataFile(f"s3://{s3_bucket}/2026030{n}.csv", dt.date(2026, 3, n)) for n in (2, 3))
    assert files.of_dates(None) == [monday, tuesday]
    assert files.of_dates([TUESDAY, FRIDAY]) == [tuesday]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{date}.csv", r"has \{date\}: expected \{call_date\}, once"),
        ("{call_date}{call_date}.csv", "once"),
        ("{call_date:%Y-%m}.csv", "expected year, month and day"),
        ("{call_date:%Y-%m-%d-%H}.csv", "expected year, month and day"),
        ("{call_date:%A}.csv", "known are"),
        ("{call_date.csv", "a brace that is text"),
        ("{call_date}.xlsx", r"neither .csv nor .parquet"),
        ("nix.csv", "archive.metadata: .*nix.csv"),
        ("other.csv", "has no column call_id"),
    ],
)
def test_what_names_no_metadata(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "other.csv").write_text("id\n1\n")
    with pytest.raises(SettingsError, match=words):
        MetadataFiles(f"{tmp_path}/{name}", SETTINGS)
