from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ser_core.config.settings import ArchiveSettings
from ser_core.data.archive.identity import Recording, check_calls, identify, metadata_key, metadata_keys
from ser_core.data.archive.metadata import CallMetadata, parse_metadata
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.storage import ObjectInfo
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.errors import Reason

NAMES = {"customer": ("caller",)}
MODIFIED = dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC)
STAMP = "{call_id}_{started_at:%Y%m%dT%H%M%S}.wav"


def archive(timezone: str = "UTC", name: str = "calls") -> ArchiveSettings:
    return ArchiveSettings(name=name, uri=None, pattern=None, metadata=None, timezone=timezone, extensions=("wav",))


def recording(key: str, pattern: str | None = None, timezone: str = "UTC", **rows: object) -> Recording:
    compiled = PathPattern(pattern) if pattern else None
    info = ObjectInfo(key, 10, MODIFIED, "e")
    result = identify(info, f"s3://b/{key}", archive=archive(timezone), pattern=compiled, **rows)  # type: ignore[arg-type]
    assert result.refusal is None
    return result.recording


def known(**values: str) -> CallMetadata:
    return parse_metadata({"call_id": "7", **values}, NAMES)


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
    row = parse_metadata({"started_at": "2026-11-21T23:30:00Z"}, NAMES)
    assert recording("x", timezone=timezone).call_date.day == day
    stated = recording("x", timezone=timezone, row=row)
    assert (stated.call_date.day, stated.call_date_source) == (day, "metadata")
    assert stated.started_at == MODIFIED
    zoned = recording("2026112123+0000_x", "{started_at:%Y%m%d%H%z}_{call_id}", timezone)
    assert (zoned.call_date.day, zoned.call_date_source) == (day, "path")


def test_path_before_row_before_metadata_file() -> None:
    values = {"call_id": "8", "queue": "row", "call_date": "2026-11-02", "a": "row", "role": "row"}
    row = parse_metadata(values, NAMES)
    calls = [known(agent_id="file", queue="file", a="file", b="file")]
    pattern = "{call_date:%Y%m%d}/{call_id}-{role}.wav"
    result = recording("20261101/7-agent.wav", pattern, row=row, calls=calls)
    assert (result.call_id, result.agent_id, result.queue) == ("7", "file", "row")
    assert (result.call_date, result.call_date_source) == (dt.date(2026, 11, 1), "path")
    assert result.extra == {"a": "row", "b": "file", "role": "agent"}
    named = recording("x.wav", row=row, calls=[parse_metadata({"call_id": "8", "agent_id": "eight"}, NAMES)])
    assert (named.call_id, named.agent_id, named.call_date) == ("8", "eight", dt.date(2026, 11, 2))


DAYS = [known(call_date=f"2026-11-{day}", queue=day) for day in ("19", "21", "25")]


@pytest.mark.parametrize(
    ("key", "pattern", "queue"),
    [
        ("20261119_7.wav", "{call_date:%Y%m%d}_{call_id}.wav", "19"),
        ("20261125_7.wav", "{call_date:%Y%m%d}_{call_id}.wav", "25"),
        ("20261120_7.wav", "{call_date:%Y%m%d}_{call_id}.wav", None),  # a call of another day is another call
        ("20261121T2359_7.wav", "{started_at:%Y%m%dT%H%M}_{call_id}.wav", "21"),
        ("7.wav", "{call_id}.wav", "21"),  # written on the 21st: the call of the 25th had not been
    ],
)
def test_of_several_calls_of_one_id_the_day_decides(key: str, pattern: str, queue: str | None) -> None:
    assert recording(key, pattern, calls=DAYS).queue == queue
    assert recording(key, pattern, calls=DAYS[::-1]).queue == queue


def test_a_row_without_a_day_is_of_any_day_that_has_no_row() -> None:
    calls = [known(queue="any"), DAYS[0]]
    pattern = "{call_date:%Y%m%d}_{call_id}.wav"
    assert [recording(f"202611{day}_7.wav", pattern, calls=calls).queue for day in (19, 20)] == ["19", "any"]
    assert recording("7.wav", "{call_id}.wav", calls=calls[:1]).queue == "any"


def test_the_manifest_says_which_day_s_metadata_counts() -> None:
    row = parse_metadata({"call_id": "7", "call_date": "2026-11-25"}, NAMES)
    assert recording("x.wav", row=row, calls=DAYS).queue == "25"


@pytest.mark.parametrize(
    ("key", "pattern"),
    [("20261121_7.wav", "{call_date:%Y%m%d}_{call_id}.wav"), ("7.wav", "{call_id}.wav"), ("7", None)],
)
def test_the_keys_of_a_recording_lead_to_the_rows_that_count(key: str, pattern: str | None) -> None:
    """All rows of which `identify` takes one are under the keys. Where the path has a day, other days are not."""
    compiled = PathPattern(pattern) if pattern else None
    keys = metadata_keys(key, compiled, None, "UTC")
    rows = [*DAYS, known(queue="any")]
    under = [row for row in rows if metadata_key(row, compiled, "UTC") in keys]
    assert recording(key, pattern, calls=under) == recording(key, pattern, calls=rows)
    dated = compiled is not None and compiled.has_date
    assert [row.queue for row in under] == (["21", "any"] if dated else ["19", "21", "25", "any"])
    assert metadata_key(parse_metadata({"call_id": "8"}, NAMES), compiled, "UTC") not in keys


def test_a_call_is_in_the_metadata_or_not() -> None:
    info = ObjectInfo("20261120_7.wav", 10, MODIFIED, "e")
    pattern = PathPattern("{call_date:%Y%m%d}_{call_id}.wav")
    with_calls = [identify(info, "u", archive=archive(), pattern=pattern, calls=calls) for calls in (DAYS, [known()])]
    assert [identity.in_metadata for identity in with_calls] == [False, True]


def test_two_rows_of_a_call_on_one_day_are_a_fault() -> None:
    check_calls(DAYS, "UTC")
    with pytest.raises(ValueError, match="'7' has two rows on 2026-11-21: expected one row a call and day"):
        check_calls([*DAYS, known(started_at="2026-11-20T23:30:00Z")], "Europe/Berlin")
    check_calls([*DAYS, known(started_at="2026-11-20T23:30:00Z")], "UTC")
    with pytest.raises(ValueError, match="'7' has two rows: expected"):
        check_calls([known(), known()], "UTC")


def test_a_key_that_does_not_match_is_refused_and_still_named() -> None:
    info = ObjectInfo("stray.mp3", 10, MODIFIED, "e")
    result = identify(info, "u", archive=archive(), pattern=PathPattern(STAMP))
    assert result.refusal is Reason.UNMATCHED_PATH
    assert result.recording == identify(info, "u", archive=archive(), pattern=None).recording
