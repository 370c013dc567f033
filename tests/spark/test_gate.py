"""Stop rules in the jobs: what is kept of a date, which date keeps its old rows, and how it is let pass."""

from __future__ import annotations

import datetime as dt
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, FEATURES, RUNS, SEGMENT_EMOTIONS
from ser_core.errors import PublishRefusedError
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.dates import Dates
from ser_core.scoring.drift import EDGES
from ser_core.scoring.profile import Profile
from tests.support import synth
from tests.support.pipeline import PATTERN, file_marks, job_settings, read_rows, run, store_of

Scored = tuple[Settings, dict[str, Any]]
Copied = Callable[..., Settings]
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
MODEL = "emotions/1"
DERIVED = ("segment_emotions", "call_emotions", "call_talk")
TUESDAY_NIGHT = {"call_date": "2026-03-03", "nightly": {"lookback_days": 0, "max_unscored_share": 1.0}}


def profile_path(settings: Settings, date: dt.date, model: str = MODEL) -> Path:
    return Path(settings.tables.uri, "_state/profiles", model.replace("/", "%2F"), f"{date}.json")


def kept(settings: Settings, date: dt.date) -> Profile:
    return Profile.of_json(profile_path(settings, date).read_bytes())


def busy_days(settings: Settings, count: int, model: str = MODEL) -> None:
    """Published dates before Monday, as usual but for a thousand calls each."""
    usual, dates = kept(settings, MONDAY), Dates(store_of(settings))
    for number in range(count):
        date = MONDAY - dt.timedelta(days=number + 1)
        path = profile_path(settings, date, model)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(replace(usual, call_date=date, calls=1000).to_json())
        dates.update(date, listed=2, scored=2, models=[model], model_version=model, open=False)
    dates.save()


def add(settings: Settings, files: Mapping[str, bytes]) -> None:
    synth.write_files(Path(settings.archive.uri or ""), files)


def new_call(settings: Settings) -> None:
    add(settings, {"2026/03/03/c5_a2.wav": synth.stereo_wav("happy", "sad", 1.0)})


def over(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Other settings over the same root."""
    return job_settings(Path(settings.tables.uri).parent, {"archive": {"pattern": PATTERN}, **changes})


def letting_pass(settings: Settings) -> Settings:
    return settings.model_copy(update={"drift": settings.drift.model_copy(update={"action": "warn"})})


def last_score(settings: Settings) -> dict[str, Any]:
    return max((row for row in read_rows(settings, RUNS) if row["job"] == "score"), key=lambda row: row["started_at"])


def row_of(settings: Settings, date: dt.date) -> Mapping[str, Any]:
    return Dates(store_of(settings)).row(date)


def published(settings: Settings) -> list[dict[str, int]]:
    return [file_marks(Path(settings.tables.uri, name)) for name in DERIVED]


def calls_of(settings: Settings, date: dt.date) -> set[str]:
    return {row["call_id"] for row in read_rows(settings, CALL_EMOTIONS) if row["call_date"] == date}


def test_a_profile_counts_what_was_published(scored: Scored) -> None:
    settings, _ = scored
    rows = [row for row in read_rows(settings, SEGMENT_EMOTIONS) if row["call_date"] == MONDAY]
    profile = kept(settings, MONDAY)
    assert (profile.calls, profile.recordings, profile.refused, profile.segments) == (2, 2, 0, len(rows))
    assert profile.labels == Counter(row["emotion"] for row in rows)
    assert sum(profile.confidence) == len(rows)
    assert profile.confidence[9] == sum(row["confidence"] >= 0.9 for row in rows)
    assert list(profile.codecs.values()) == [2]


def test_a_profile_has_the_histograms_of_its_vectors(scored: Scored) -> None:
    settings, _ = scored
    model = Score(settings).model
    ids = {row["recording_id"] for row in read_rows(settings, SEGMENT_EMOTIONS) if row["call_date"] == TUESDAY}
    mine = [row for row in read_rows(settings, FEATURES) if row["recording_id"] in ids and row["channel"] == 0]
    profile = kept(settings, TUESDAY)
    assert len(profile.features) == 32
    for name, counts in profile.features.items():
        place = model.feature_names.index(name)
        z = [(row["vector"][place] - model.population.mean[place]) / model.population.deviation[place] for row in mine]
        assert sum(counts) == len(mine)
        assert all(counts[int(np.sum(np.array(value) > EDGES))] > 0 for value in z)


def test_the_first_nights_are_judged_and_published(scored: Scored) -> None:
    settings, row = scored
    drift = json.loads(row["drift"])
    assert drift["dates_checked"] == 2
    assert {date: verdict["days"] for date, verdict in drift["dates"].items()} == {str(MONDAY): 0, str(TUESDAY): 0}
    assert last_score(settings)["drift"] == row["drift"]
    state = row_of(settings, MONDAY)
    assert (state["scored"], state["models"], state["open"], state["held_back"]) == (2, [MODEL], False, None)


def test_a_date_that_is_not_like_the_others_keeps_its_rows(
    spark: SparkSession, copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    settings = copied()
    busy_days(settings, 7)
    new_call(settings)
    for work in (Ingest, Extract):
        run(spark, work, settings)
    before = published(settings)
    with caplog.at_level(logging.INFO, logger="ser_core"), pytest.raises(PublishRefusedError) as refusal:
        run(spark, Score, settings)
    assert refusal.value.exit_code == 4
    command = f"ser score --call-date {TUESDAY} --drift.action warn"
    assert f"{TUESDAY}: drift: volume_factor" in str(refusal.value)
    assert command in str(refusal.value)
    assert published(settings) == before  # call_talk too
    row = last_score(settings)
    assert (row["status"], row["scored_calls"]) == ("refused", 0)
    drift = json.loads(row["drift"])
    verdict = drift["dates"][str(TUESDAY)]
    assert (verdict["verdict"], verdict["beyond"], verdict["days"]) == ("refused", ["volume_factor"], 8)
    assert list(drift["held"]) == [str(TUESDAY)]
    facts = [getattr(record, "facts", {}) for record in caplog.records]
    assert [(fact["run_id"], fact["call_date"]) for fact in facts if "drift" in fact] == [(row["run_id"], str(TUESDAY))]
    state = row_of(settings, TUESDAY)
    assert (state["held_by"], state["open"]) == (row["run_id"], True)
    assert state["held_back"].startswith("drift: volume_factor")
    with pytest.raises(PublishRefusedError):  # it stays undone
        run(spark, Score, settings)
    assert row_of(settings, TUESDAY)["held_since"] == state["held_since"]
    assert run(spark, Score, letting_pass(settings))["scored_calls"] == 2
    assert kept(settings, TUESDAY).calls == 2
    assert "c5" in {row["call_id"] for row in read_rows(settings, CALL_TALK)}
    state = row_of(settings, TUESDAY)
    assert (state["held_back"], state["held_by"], state["held_since"], state["open"]) == (None, None, None, False)
    assert run(spark, Score, settings)["scored_calls"] == 0


def test_other_dates_are_published_beside_it(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"scoring": {"again": True}})
    busy_days(settings, 6)  # of Monday, which has six dates before it, a warning is enough; Tuesday has seven
    with pytest.raises(PublishRefusedError, match="1 date is held back from emotions/1"):
        run(spark, Score, settings)
    row = last_score(settings)
    verdicts = {date: verdict["verdict"] for date, verdict in json.loads(row["drift"])["dates"].items()}
    assert verdicts == {str(MONDAY): "warned", str(TUESDAY): "refused"}
    assert row["scored_calls"] == 2
    runs = {call["call_date"]: call["run_id"] == row["run_id"] for call in read_rows(settings, CALL_EMOTIONS)}
    assert runs == {MONDAY: True, TUESDAY: False}


def test_of_six_dates_a_warning_is_all(spark: SparkSession, copied: Copied, caplog: pytest.LogCaptureFixture) -> None:
    settings = copied({"scoring": {"again": True}, "call_date": MONDAY})
    busy_days(settings, 6)
    with caplog.at_level(logging.WARNING, logger="ser_core"):
        row = run(spark, Score, settings)
    assert row["scored_calls"] == 2
    assert json.loads(row["drift"])["dates"][str(MONDAY)]["verdict"] == "warned"
    assert "volume_factor" in caplog.text


def test_refusals_are_a_share_of_the_date(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    add(settings, {f"2026/03/03/x{number}_a1.wav": b"no audio at all" for number in range(3)})
    new_call(settings)
    for work in (Ingest, Extract, Score):
        run(spark, work, settings)
    profile = kept(settings, TUESDAY)
    assert (profile.recordings, profile.refused) == (6, 3)


def test_a_night_of_unreadable_recordings_empties_no_date(spark: SparkSession, copied: Copied) -> None:
    settings = copied(TUESDAY_NIGHT)
    archive = Path(settings.archive.uri or "", "2026/03/03")
    shutil.copytree(archive, archive.parent / "kept")
    before, calls = published(settings), calls_of(settings, TUESDAY)
    add(settings, {f"2026/03/03/{path.name}": b"no audio at all" for path in archive.iterdir()})
    with pytest.raises(PublishRefusedError) as refusal:
        run(spark, Nightly, settings)
    assert refusal.value.exit_code == 4
    assert "lost_calls: 0 of 1 published calls would be left; 2 of 2 recordings are refused" in str(refusal.value)
    assert published(settings) == before
    jobs = {row["job"]: row["status"] for row in read_rows(settings, RUNS) if row["call_date"] == TUESDAY}
    assert jobs == {"ingest": "done", "extract": "done", "score": "refused", "nightly": "refused"}
    state = row_of(settings, TUESDAY)
    assert (state["refused"], state["scored"], state["open"]) == (2, 1, True)
    for path in (archive.parent / "kept").iterdir():
        shutil.copy(path, archive / path.name)
    run(spark, Nightly, settings)  # the recordings are good again, and the date is free
    assert calls_of(settings, TUESDAY) == calls
    state = row_of(settings, TUESDAY)
    assert (state["held_back"], state["refused"], state["open"]) == (None, 0, False)


def test_a_date_that_is_emptied_on_purpose_stays_empty(spark: SparkSession, copied: Copied) -> None:
    settings = copied(TUESDAY_NIGHT)
    names = [path.name for path in Path(settings.archive.uri or "", "2026/03/03").iterdir()]
    add(settings, {f"2026/03/03/{name}": b"no audio at all" for name in names})
    with pytest.raises(PublishRefusedError):
        run(spark, Nightly, settings)
    run(spark, Score, letting_pass(settings))
    assert calls_of(settings, TUESDAY) == set()
    assert {row["call_id"] for row in read_rows(settings, CALL_TALK)} == {"c1", "c2"}
    with pytest.raises(PublishRefusedError, match="all_refused: all of 2 recordings"):
        run(spark, Nightly, settings)  # it has no calls to lose any more, and is still odd
    run(spark, Score, letting_pass(settings))
    assert run(spark, Nightly, settings)["status"] == "done"
    assert row_of(settings, TUESDAY)["accepted"] == ["all_refused"]


def test_a_new_date_of_unreadable_recordings_is_held_back(
    spark: SparkSession, copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    settings = copied({"call_date": "2026-03-04", "nightly": {"lookback_days": 1, "max_unscored_share": 1.0}})
    add(settings, {f"2026/03/04/x{number}_a1.wav": b"no audio at all" for number in range(2)})
    new_call(settings)
    with pytest.raises(PublishRefusedError, match="2026-03-04: all_refused: all of 2 recordings"):
        run(spark, Nightly, settings)
    assert calls_of(settings, TUESDAY) == {"c3", "c5"}  # the other date of the night is published
    with caplog.at_level(logging.WARNING, logger="ser_core"):
        run(spark, Score, letting_pass(settings))
    assert "2026-03-04 passes, although it is odd (drift.action is warn): all_refused" in caplog.text
    assert json.loads(last_score(settings)["drift"])["warned"] == {"2026-03-04": "all_refused: all of 2 recordings"}
    assert run(spark, Nightly, settings)["status"] == "done"


def test_a_day_without_recordings_is_held_back(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"call_date": "2026-03-09", "nightly": {"lookback_days": 0, "max_unscored_share": 1.0}})
    busy_days(settings, 6)
    dates = Dates(store_of(settings))
    dates.update(dt.date(2026, 2, 28), listed=0, scored=0)
    dates.save()
    assert run(spark, Nightly, over(settings, {**TUESDAY_NIGHT, "call_date": "2026-03-07"}))["status"] == "done"
    with pytest.raises(PublishRefusedError, match="2026-03-09: no_recordings: no recordings; Mondays have 2"):
        run(spark, Nightly, settings)
    assert row_of(settings, dt.date(2026, 3, 9))["held_back"]
    assert not row_of(settings, dt.date(2026, 3, 7))  # a Saturday without recordings is no news
    run(spark, Score, letting_pass(settings))
    assert run(spark, Nightly, settings)["status"] == "done"


def test_a_new_model_is_held_against_the_one_before(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"call_date": TUESDAY})
    add(settings, {"2026/03/03/c6_a2.wav": synth.stereo_wav("happy", "sad", 200.0)})
    for work in (Ingest, Extract, Score):
        run(spark, work, settings)
    other, busy = "emotions/0", kept(settings, TUESDAY)
    assert busy.segments > 40
    busy_days(settings, 7, other)
    path = profile_path(settings, TUESDAY, other)
    path.write_bytes(replace(busy, labels={"angry": busy.segments}, confidence=[busy.segments, *[0] * 9]).to_json())
    dates = Dates(store_of(settings))
    dates.update(TUESDAY, models=[other], model_version=other)
    dates.save()
    again = over(settings, {"call_date": TUESDAY, "scoring": {"again": True}})
    before = published(settings)
    with pytest.raises(PublishRefusedError, match="new_model: model_confidence_psi") as refusal:
        run(spark, Score, again)
    assert "model_label_psi" in str(refusal.value)
    assert published(settings) == before
    assert run(spark, Score, letting_pass(again))["scored_calls"] == 2
    state = row_of(settings, TUESDAY)
    assert (state["models"], state["model_version"], state["held_back"]) == ([other, MODEL], MODEL, None)
    assert run(spark, Score, again)["scored_calls"] == 2  # these are not its first scores any more


def test_an_archive_that_is_gone_is_noted_by_date(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    shutil.rmtree(Path(settings.archive.uri or "", "2026"))
    with pytest.raises(PublishRefusedError) as refusal:
        run(spark, Ingest, settings)
    command = "ser ingest --call-date 2026-03-02 --retention.max-gone-share 1"
    line = f"2026-03-02: gone: 2 of 2 recordings are not listed any more; to let it pass: {command}"
    assert line in str(refusal.value)
    assert set(Dates(store_of(settings)).held()) == {MONDAY, TUESDAY}
    run(spark, Score, settings)  # it reads no archive, and knows nothing better
    assert set(Dates(store_of(settings)).held()) == {MONDAY, TUESDAY}
    run(spark, Ingest, over(settings, {"call_date": MONDAY, "retention": {"max_gone_share": 1.0}}))
    assert set(Dates(store_of(settings)).held()) == {TUESDAY}
