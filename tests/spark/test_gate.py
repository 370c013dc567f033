"""Stop rules in the scoring job: what is kept of a date, and which date is held back."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Callable
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
from ser_core.pipeline.stages.score import Score
from ser_core.scoring.drift import EDGES
from ser_core.scoring.profile import Profile
from tests.support import synth
from tests.support.pipeline import file_marks, read_rows, run

Scored = tuple[Settings, dict[str, Any]]
Copied = Callable[..., Settings]
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


def profile_path(settings: Settings, date: dt.date) -> Path:
    return Path(settings.tables.uri, f"segment_emotions/model_version=emotions%2F1/call_date={date}/_profile.json")


def kept(settings: Settings, date: dt.date) -> Profile:
    return Profile.of_json(profile_path(settings, date).read_bytes())


def busy_days(settings: Settings, count: int) -> None:
    """Published dates before Monday, as usual but for a thousand calls each."""
    usual = kept(settings, MONDAY)
    for number in range(count):
        date = MONDAY - dt.timedelta(days=number + 1)
        path = profile_path(settings, date)
        path.parent.mkdir(parents=True)
        path.write_bytes(replace(usual, call_date=date, calls=1000).to_json())


def new_call(settings: Settings) -> None:
    synth.write_files(Path(settings.archive.uri or ""), {"2026/03/03/c5_a2.wav": synth.stereo_wav("happy", "sad", 1.0)})


def last_score(settings: Settings) -> dict[str, Any]:
    return max((row for row in read_rows(settings, RUNS) if row["job"] == "score"), key=lambda row: row["started_at"])


def test_a_profile_counts_what_was_published(scored: Scored) -> None:
    settings, _ = scored
    rows = [row for row in read_rows(settings, SEGMENT_EMOTIONS) if row["call_date"] == MONDAY]
    found = kept(settings, MONDAY)
    assert (found.calls, found.recordings, found.refused, found.segments) == (2, 2, 0, len(rows))
    assert found.labels == Counter(row["emotion"] for row in rows)
    assert sum(found.confidence) == len(rows)
    assert found.confidence[9] == sum(row["confidence"] >= 0.9 for row in rows)
    assert list(found.codecs.values()) == [2]


def test_a_profile_has_the_histograms_of_its_vectors(scored: Scored) -> None:
    settings, _ = scored
    model = Score(settings).model
    ids = {row["recording_id"] for row in read_rows(settings, SEGMENT_EMOTIONS) if row["call_date"] == TUESDAY}
    mine = [row for row in read_rows(settings, FEATURES) if row["recording_id"] in ids and row["channel"] == 0]
    found = kept(settings, TUESDAY)
    assert len(found.features) == 32
    for name, counts in found.features.items():
        place = model.feature_names.index(name)
        z = [(row["vector"][place] - model.normaliser.mean[place]) / model.normaliser.deviation[place] for row in mine]
        assert sum(counts) == len(mine)
        assert all(counts[int(np.sum(np.array(value) > EDGES))] > 0 for value in z)


def test_the_first_nights_are_told_and_published(scored: Scored) -> None:
    settings, row = scored
    told = json.loads(row["drift"])
    assert told["dates_checked"] == 2
    assert {date: one["days"] for date, one in told["dates"].items()} == {str(MONDAY): 0, str(TUESDAY): 0}
    assert last_score(settings)["drift"] == row["drift"]


def test_a_date_that_is_not_like_the_others_is_held_back(
    spark: SparkSession, copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    settings = copied()
    busy_days(settings, 7)
    new_call(settings)
    for work in (Ingest, Extract):
        run(spark, work, settings)
    before = file_marks(Path(settings.tables.uri, "segment_emotions")), read_rows(settings, CALL_EMOTIONS)
    with caplog.at_level(logging.INFO, logger="ser_core"), pytest.raises(PublishRefusedError) as refusal:
        run(spark, Score, settings)
    assert refusal.value.exit_code == 4
    assert f"{TUESDAY}: volume_factor" in str(refusal.value)
    assert "--drift.action warn" in str(refusal.value)
    assert (file_marks(Path(settings.tables.uri, "segment_emotions")), read_rows(settings, CALL_EMOTIONS)) == before
    assert "c5" in {row["call_id"] for row in read_rows(settings, CALL_TALK)}  # what was measured is of no model
    row = last_score(settings)
    assert (row["status"], row["scored_calls"]) == ("refused", 0)
    one = json.loads(row["drift"])["dates"][str(TUESDAY)]
    assert (one["verdict"], one["beyond"], one["days"]) == ("refused", ["volume_factor"], 8)
    facts = [getattr(record, "facts", {}) for record in caplog.records]
    assert [(fact["run_id"], fact["call_date"]) for fact in facts if "drift" in fact] == [(row["run_id"], str(TUESDAY))]
    with pytest.raises(PublishRefusedError):  # it stays undone
        run(spark, Score, settings)
    allowed = settings.model_copy(update={"drift": settings.drift.model_copy(update={"action": "warn"})})
    assert run(spark, Score, allowed)["scored_calls"] == 2
    assert kept(settings, TUESDAY).calls == 2
    assert run(spark, Score, settings)["scored_calls"] == 0


def test_other_dates_are_published_beside_it(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"scoring": {"again": True}})
    busy_days(settings, 6)  # of Monday, which has six dates before it, a warning is enough; Tuesday has seven
    with pytest.raises(PublishRefusedError, match="1 dates of emotions/1"):
        run(spark, Score, settings)
    row = last_score(settings)
    verdicts = {date: one["verdict"] for date, one in json.loads(row["drift"])["dates"].items()}
    assert verdicts == {str(MONDAY): "warned", str(TUESDAY): "refused"}
    assert row["scored_calls"] == 2
    runs = {one["call_date"]: one["run_id"] == row["run_id"] for one in read_rows(settings, CALL_EMOTIONS)}
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
    broken = {f"2026/03/03/x{number}_a1.wav": b"no audio at all" for number in range(3)}
    synth.write_files(Path(settings.archive.uri or ""), broken)
    new_call(settings)
    for work in (Ingest, Extract, Score):
        run(spark, work, settings)
    found = kept(settings, TUESDAY)
    assert (found.recordings, found.refused) == (6, 3)
