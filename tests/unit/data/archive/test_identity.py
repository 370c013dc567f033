from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ser_core.config.settings import ArchiveSettings
from ser_core.data.archive.identity import Recording, identify
from ser_core.data.archive.metadata import parse_metadata
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.storage import ObjectInfo
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.errors import Reason

MODIFIED = dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC)
STAMP = "{call_id}_{started_at:%Y%m%dT%H%M%S}.wav"


def archive(timezone: str = "UTC", name: str = "calls") -> ArchiveSettings:
    return ArchiveSettings(name=name, uri=None, pattern=None, metadata=None, timezone=timezone, extensions=("wav",))


def recording(key: str, pattern: str | None = None, timezone: str = "UTC", **rows: object) -> Recording:
    compiled = PathPattern(pattern) if pattern else None
    info = ObjectInfo(key, 10, MODIFIED, "e")
    result, refusal = identify(info, f"s3://b/{key}", archive=archive(timezone), pattern=compiled, **rows)  # type: ignore[arg-type]
    assert refusal is None
    return result


def test_the_fields_are_columns_of_the_table() -> None:
    fields = {field.name for field in dataclasses.fields(Recording)}
    assert set(RECORDINGS.schema.names) - fields == {"duplicate_of", "gone_at", "run_id", "schema_version"}
    assert fields <= set(RECORDINGS.schema.names)


def test_without_pattern_and_metadata() -> None:
    result = recording("q/a.wav")
    assert (result.call_id, result.uri, result.size_bytes, result.modified_at) == (
        "q/a.wav",
        "s3://b/q/a.wav",
        10,
        MODIFIED,
    )
    assert (result.call_date, result.call_date_source, result.started_at) == (
        dt.date(2026, 11, 21),
        "object_time",
        None,
    )
    # printf 'calls\0q/a.wav' | sha256sum
    assert result.recording_id == "7b6c42c7d491577059b2e8e2"


def test_the_id_depends_on_name_and_key_alone() -> None:
    info = ObjectInfo("a.wav", 10, MODIFIED, "e")
    first = identify(info, "x", archive=archive(), pattern=None).recording.recording_id
    moved = identify(info._replace(etag="f"), "y", archive=archive("Europe/Berlin"), pattern=None).recording
    other = identify(info, "x", archive=archive(name="other"), pattern=None).recording
    assert moved.recording_id == first != other.recording_id


@pytest.mark.parametrize(
    ("timezone", "stamp", "utc"),
    [
        ("UTC", "20261121T093000", "2026-11-21T09:30:00"),
        ("Europe/Berlin", "20261121T003000", "2026-11-20T23:30:00"),
        ("Europe/Berlin", "20260701T003000", "2026-06-30T22:30:00"),
        ("Europe/Berlin", "20261025T023000", "2026-10-25T00:30:00"),  # twice that night: the earlier, still summer time
        ("Europe/Berlin", "20261025T033000", "2026-10-25T02:30:00"),
        ("Europe/Berlin", "20260329T023000", "2026-03-29T01:30:00"),  # never that night: as if winter time had gone on
        ("America/Los_Angeles", "20261121T235959", "2026-11-22T07:59:59"),
        ("Asia/Kathmandu", "20261121T000000", "2026-11-20T18:15:00"),
    ],
)
def test_a_time_in_a_path_is_local(timezone: str, stamp: str, utc: str) -> None:
    result = recording(f"7_{stamp}.wav", STAMP, timezone)
    assert result.started_at == dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    assert result.started_at.tzinfo is dt.UTC
    assert (result.call_date.strftime("%Y%m%d"), result.call_date_source) == (stamp[:8], "path")


@pytest.mark.parametrize(
    ("timezone", "day"), [("UTC", 21), ("Europe/Berlin", 22), ("America/New_York", 21), ("Pacific/Kiritimati", 22)]
)
def test_the_day_of_an_instant_is_the_local_one(timezone: str, day: int) -> None:
    row = parse_metadata({"started_at": "2026-11-21T23:30:00Z"})
    assert recording("x", timezone=timezone).call_date.day == day
    stated = recording("x", timezone=timezone, row=row)
    assert (stated.call_date.day, stated.call_date_source) == (day, "metadata")
    assert stated.started_at == MODIFIED
    zoned = recording("2026112123+0000_x", "{started_at:%Y%m%d%H%z}_{call_id}", timezone)
    assert (zoned.call_date.day, zoned.call_date_source) == (day, "path")


def test_path_before_row_before_metadata_file() -> None:
    row = parse_metadata({"call_id": "8", "queue": "row", "call_date": "2026-11-02", "a": "row", "role": "row"})
    calls = {
        "7": parse_metadata({"call_id": "7", "agent_id": "file", "queue": "file", "a": "file", "b": "file"}),
        "8": parse_metadata({"call_id": "8", "agent_id": "eight"}),
    }
    result = recording("20261101/7-agent.wav", "{call_date:%Y%m%d}/{call_id}-{role}.wav", row=row, calls=calls)
    assert (result.call_id, result.agent_id, result.queue) == ("7", "file", "row")
    assert (result.call_date, result.call_date_source) == (dt.date(2026, 11, 1), "path")
    assert result.extra == {"a": "row", "b": "file", "role": "agent"}
    named = recording("x.wav", row=row, calls=calls)
    assert (named.call_id, named.agent_id, named.call_date) == ("8", "eight", dt.date(2026, 11, 2))


def test_a_key_that_does_not_match_is_refused_and_still_named() -> None:
    info = ObjectInfo("stray.mp3", 10, MODIFIED, "e")
    result, refusal = identify(info, "u", archive=archive(), pattern=PathPattern(STAMP))
    assert refusal is Reason.UNMATCHED_PATH
    assert result == identify(info, "u", archive=archive(), pattern=None).recording
