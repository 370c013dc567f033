"""What becomes of a call's rows when its audio is gone, replaced, late or of another date; ranges of dates."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, QUARANTINE, RECORDINGS, RUNS, SEGMENT_EMOTIONS
from ser_core.errors import PublishRefusedError
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.moves import moved_dates
from tests.support.pipeline import PATTERN, file_marks, job_settings, read_rows, run, same_rows, store_of
from tests.support.synth import stereo_wav, write_files

Copied = Callable[..., Settings]
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
DATED = {"archive": {"pattern": PATTERN}}
RANGE = {"call_dates": {"from": "2026-03-03", "to": "2026-03-05"}}


def archive(settings: Settings) -> Path:
    return Path(settings.archive.uri or "")


def chain(spark: SparkSession, settings: Settings) -> dict[str, object]:
    run(spark, Ingest, settings)
    run(spark, Extract, settings)
    return run(spark, Score, settings)


def calls(settings: Settings) -> set[str]:
    return {row["call_id"] for row in read_rows(settings, CALL_EMOTIONS)}


def test_rows_of_gone_audio_stay_unless_they_are_to_follow_it(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    before = file_marks(Path(settings.tables.uri, "call_emotions"))
    (archive(settings) / "2026/03/02/c2_a1.wav").unlink()
    assert chain(spark, settings)["scored_calls"] == 0
    assert {row["call_id"] for row in read_rows(settings, RECORDINGS) if row["gone_at"]} == {"c2"}
    assert file_marks(Path(settings.tables.uri, "call_emotions")) == before
    write_files(archive(settings), {"2026/03/02/c7_a1.wav": stereo_wav("sad", "happy", 1.0, 3)})
    chain(spark, settings)  # the date is scored anew, from c2's features too
    assert calls(settings) == {"c1", "c2", "c3", "c7"}
    assert {row["call_id"] for row in read_rows(settings, CALL_TALK)} >= {"c1", "c2", "c7"}
    followed = over(settings, {"retention": {"follow_audio": True}})
    run(spark, Score, followed)
    assert calls(followed) == {"c1", "c3", "c7"}
    assert "c2" not in {row["call_id"] for row in read_rows(followed, SEGMENT_EMOTIONS)}
    assert "c2" not in {row["call_id"] for row in read_rows(followed, CALL_TALK)}


def test_a_call_renamed_in_the_archive_counts_once(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    old = archive(settings) / "2026/03/02/c2_a1.wav"
    old.rename(old.with_name("c2_a9.wav"))
    chain(spark, settings)
    rows = [row for row in read_rows(settings, SEGMENT_EMOTIONS) if row["call_id"] == "c2"]
    assert len({row["recording_id"] for row in rows}) == 1
    assert {row["agent_id"] for row in read_rows(settings, CALL_EMOTIONS) if row["call_id"] == "c2"} == {"a9"}


@pytest.mark.parametrize("changes", [{}, RANGE])
def test_a_listing_that_lacks_too_much_is_refused(
    spark: SparkSession, copied: Copied, changes: dict[str, object]
) -> None:
    settings = copied(changes)
    shutil.rmtree(archive(settings))
    archive(settings).mkdir()
    before = file_marks(Path(settings.tables.uri, "recordings"))
    with pytest.raises(PublishRefusedError) as caught:
        run(spark, Ingest, settings)
    said = str(caught.value)
    known = 2 if changes else 4
    assert caught.value.exit_code == 4
    assert f"{known} of the {known} recordings" in said
    assert "--retention.max-gone-share 1" in said
    assert file_marks(Path(settings.tables.uri, "recordings")) == before
    refused = [row for row in read_rows(settings, RUNS) if row["status"] == "refused"]
    assert [row["job"] for row in refused] == ["ingest"]
    assert "gone from" in refused[0]["detail"]
    allowed = over(settings, {**changes, "retention": {"max_gone_share": 1.0}})
    run(spark, Ingest, allowed)
    assert sum(row["gone_at"] is not None for row in read_rows(allowed, RECORDINGS)) == known
    strict = over(settings, {**changes, "retention": {"max_gone_share": 0.0}})
    run(spark, Ingest, strict)  # what is known to be gone is not missed again


def test_a_new_upload_is_heard_again_and_its_refusal_is_over(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    path = archive(settings) / "2026/03/02/c2_a1.wav"
    path.write_bytes(b"no sound at all, for a start")
    chain(spark, settings)
    (refused,) = read_rows(settings, QUARANTINE)
    assert refused["reason"] == "not_audio"
    assert calls(settings) == {"c1", "c3"}  # what was heard of the old version is of nothing that is there
    path.write_bytes(stereo_wav("angry", "sad", 2.0, 5))
    run(spark, Ingest, settings)
    row = run(spark, Extract, settings)
    assert (row["extracted"], row["refused_now"], row["refused_before"]) == (1, 0, 0)
    run(spark, Score, settings)
    found = {row["call_id"]: row["dominant_emotion"] for row in read_rows(settings, CALL_EMOTIONS)}
    assert found == {"c1": "sad", "c2": "angry", "c3": "angry"}


def test_a_recording_replaced_since_it_was_listed_waits_for_the_next_ingest(
    spark: SparkSession, copied: Copied
) -> None:
    settings = copied({"features": {"hop_length": 256}, "quarantine": {"max_attempts": 2}})
    run(spark, Ingest, settings)  # the copied rows name the files of the root they were copied from
    path = archive(settings) / "2026/03/02/c2_a1.wav"
    path.write_bytes(stereo_wav("angry", "sad", 2.0, 5))
    row = run(spark, Extract, settings)
    assert (row["extracted"], row["refused_now"], row["reasons"]) == (3, 1, {"missing": 1})
    (refused,) = read_rows(settings, QUARANTINE)
    assert "the next ingest lists the new version" in refused["detail"]
    run(spark, Ingest, settings)
    row = run(spark, Extract, settings)
    assert (row["extracted"], row["done_before"], row["refused_before"]) == (1, 3, 0)


def test_a_call_whose_date_moves_leaves_the_old_one(spark: SparkSession, copied: Copied) -> None:
    by_time = {"archive": {"pattern": "{folder}/{call_id}.wav"}, "nightly": {"lookback_days": 0}}
    settings = copied(by_time)
    for table in ("recordings", "call_emotions", "segment_emotions", "call_talk"):
        shutil.rmtree(Path(settings.tables.uri, table))
    shutil.rmtree(archive(settings))
    days = {day: dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC).timestamp() for day in (2, 20)}
    names = ("moves", "stays")
    write_files(archive(settings), {f"x/{name}.wav": stereo_wav("sad", "angry", 1.0, 1) for name in names})
    for name in names:
        os.utime(archive(settings) / f"x/{name}.wav", (days[2], days[2]))
    night = {**by_time, "call_date": "2026-03-02"}
    run(spark, Nightly, over(settings, night))
    assert dates(settings) == {("moves", MONDAY), ("stays", MONDAY)}
    path = archive(settings) / "x/moves.wav"
    path.write_bytes(stereo_wav("happy", "sad", 2.0, 5))
    os.utime(path, (days[20], days[20]))
    later = over(settings, {**by_time, "call_date": "2026-03-20"})
    run(spark, Ingest, later)  # and the night dies here
    assert set(moved_dates(store_of(settings))) == {MONDAY, dt.date(2026, 3, 20)}
    run(spark, Nightly, later)
    assert dates(settings) == {("moves", dt.date(2026, 3, 20)), ("stays", MONDAY)}
    assert moved_dates(store_of(settings)) == {}


def test_a_time_zone_moves_calls_through_every_table(spark: SparkSession, copied: Copied, tmp_path: Path) -> None:
    """Nothing is extracted again, and the tables are those of an archive that had the right zone from its start."""
    zoned = {"archive": {"pattern": "{call_id}_{started_at:%Y%m%dT%H%M%z}.wav", "timezone": "UTC"}}
    berlin = {"archive": {**zoned["archive"], "timezone": "Europe/Berlin"}}
    settings = copied(zoned)

    def other(tables: str, changes: dict[str, object]) -> Settings:
        return job_settings(tmp_path / "root", {**changes, "tables": {"uri": str(tmp_path / tables)}})

    shutil.rmtree(archive(settings))
    files = {"late_20260302T2330+0000.wav": ("sad", "angry"), "noon_20260302T1200+0000.wav": ("happy", "sad")}
    write_files(archive(settings), {key: stereo_wav(*voices, 2.0, 7) for key, voices in files.items()})
    (archive(settings) / "bad_20260302T2331+0000.wav").write_bytes(b"no sound at all")
    chain(spark, other("moved", zoned))
    assert dates(other("moved", zoned)) == {("late", MONDAY), ("noon", MONDAY)}
    moved = other("moved", berlin)
    assert run(spark, Ingest, moved)["moved"] == 2
    row = run(spark, Extract, moved)
    assert (row["extracted"], row["done_before"], row["refused_now"], row["refused_before"]) == (0, 2, 0, 1)
    run(spark, Score, other("moved", {**berlin, "call_date": "2026-03-20"}))
    assert dates(moved) == {("late", TUESDAY), ("noon", MONDAY)}
    fresh = other("fresh", berlin)
    chain(spark, fresh)
    for table in (RECORDINGS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK):
        same_rows(store_of(moved), store_of(fresh), table)


def test_ids_that_recur_on_another_day_are_other_calls(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    write_files(
        archive(settings), {f"2026/03/{day:02d}/c1_a1.wav": stereo_wav("sad", "happy", 1.0, day) for day in (3, 4)}
    )
    chain(spark, settings)
    days = {MONDAY, TUESDAY, dt.date(2026, 3, 4)}
    for table in (RECORDINGS, CALL_TALK, CALL_EMOTIONS):
        assert {row["call_date"] for row in read_rows(settings, table) if row["call_id"] == "c1"} == days
    assert not [row for row in read_rows(settings, RECORDINGS) if row["duplicate_of"]]


def over(settings: Settings, changes: dict[str, object]) -> Settings:
    """Other settings over the same root."""
    return job_settings(Path(settings.tables.uri).parent, {**DATED, **changes})


def dates(settings: Settings) -> set[tuple[str, dt.date]]:
    rows = read_rows(settings, CALL_EMOTIONS)
    found = {(row["call_id"], row["call_date"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_range_is_filled_by_one_night(spark: SparkSession, copied: Copied) -> None:
    settings = copied(RANGE)
    keys = {day: f"2026/03/{day:02d}/n{day}_a1.wav" for day in (2, 3, 5, 6)}
    write_files(archive(settings), {key: stereo_wav("sad", "happy", 1.0, day) for day, key in keys.items()})
    row = run(spark, Nightly, settings)
    assert row["call_dates"] == "2026-03-03..2026-03-05"
    fresh = {one["call_id"] for one in read_rows(settings, CALL_EMOTIONS) if one["run_id"] == row["score"]}
    assert fresh == {"c3", "n3", "n5"}  # Tuesday has changed and is scored whole; Monday's n2 is outside
    (mine,) = [one for one in read_rows(settings, RUNS) if one["run_id"] == row["run_id"]]
    assert "2026-03-03..2026-03-05" in mine["detail"]


def test_a_range_is_scored_again_on_demand(spark: SparkSession, copied: Copied) -> None:
    settings = copied({**RANGE, "scoring": {"again": True}})
    row = run(spark, Score, settings)
    rows = {one["call_id"]: one["run_id"] for one in read_rows(settings, CALL_EMOTIONS)}
    assert {call for call, run_id in rows.items() if run_id == row["run_id"]} == {"c3"}
    assert set(rows) == {"c1", "c2", "c3"}
