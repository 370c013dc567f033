"""Scores of segments and calls: what they hold, and when a date is scored again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_EMOTIONS, CHANNELS, FEATURES, RUNS, SEGMENT_EMOTIONS, probability, share
from ser_core.emotions import EMOTIONS
from ser_core.errors import BundleError
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.score import Score
from tests.support import synth
from tests.support.pipeline import file_marks, read_rows, run, store_of

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
Scored = tuple[Settings, dict[str, Any]]
Copied = Callable[..., Settings]


def changed(folder: Path, before: dict[str, int]) -> set[str]:
    """Parts of the paths of files that are new or were written again: their dates."""
    after = file_marks(folder)
    return {name.split("call_date=")[1][:10] for name in after if after[name] != before.get(name) and "=" in name}


def scores(settings: Settings) -> Path:
    return Path(settings.tables.uri, "call_emotions")


def test_every_segment_of_a_customer_is_scored_once(scored: Scored) -> None:
    settings, row = scored
    rows = read_rows(settings, SEGMENT_EMOTIONS)
    keys = {tuple(one[name] for name in SEGMENT_EMOTIONS.key) for one in rows}
    customers = [one for one in read_rows(settings, CHANNELS) if one["role"] == "customer"]
    assert len(rows) == len(keys) == row["scored_segments"] == sum(one["segments"] for one in customers)
    assert {one["model_version"] for one in rows} == {"emotions/1"}
    assert {(one["call_id"], one["call_date"]) for one in rows} == {("c1", MONDAY), ("c2", MONDAY), ("c3", TUESDAY)}
    assert {one["role"] for one in rows} == {"customer"}
    assert {one["run_id"] for one in rows} == {row["run_id"]}


def test_posteriors_sum_to_one_over_the_scheme_and_are_null_outside(scored: Scored) -> None:
    outside = set(EMOTIONS) - set(synth.EMOTIONS)
    for one in read_rows(scored[0], SEGMENT_EMOTIONS):
        inside = {name: one[probability(name)] for name in synth.EMOTIONS}
        assert sum(inside.values()) == pytest.approx(1.0, abs=1e-5)
        assert one["emotion"] == max(inside, key=lambda name: inside[name])
        assert one["confidence"] == inside[one["emotion"]]
        assert all(one[probability(name)] is None for name in outside)


def test_calls_have_the_planted_emotion(scored: Scored) -> None:
    settings, row = scored
    rows = {one["call_id"]: one for one in read_rows(settings, CALL_EMOTIONS)}
    assert len(rows) == row["scored_calls"] == 3
    assert {call: one["dominant_emotion"] for call, one in rows.items()} == {"c1": "sad", "c2": "happy", "c3": "angry"}
    assert {call: one["agent_id"] for call, one in rows.items()} == {"c1": "a1", "c2": "a1", "c3": "a2"}
    assert rows["c1"]["speech_s"] == pytest.approx(9.0, abs=0.01)
    for one in rows.values():
        assert sum(one[share(name)] for name in synth.EMOTIONS) == pytest.approx(1.0, abs=1e-5)
        assert all(one[share(name)] is None for name in set(EMOTIONS) - set(synth.EMOTIONS))


def test_only_what_has_changed_is_scored_again(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    before = file_marks(scores(settings))
    moved = run(spark, Ingest, settings), run(spark, Extract, settings), run(spark, Score, settings)
    assert (moved[1]["extracted"], moved[2]["scored_segments"]) == (0, 0)  # an archive that moved is the same
    assert changed(scores(settings), before) == set()
    new = {"2026/03/03/c5_a2.wav": synth.stereo_wav("happy", "sad", 1.0, 7)}
    synth.write_files(Path(settings.archive.uri or ""), new)
    for work in (Ingest, Extract):
        run(spark, work, settings)
    assert run(spark, Score, settings)["scored_calls"] == 2
    assert changed(scores(settings), before) == {str(TUESDAY)}
    assert {one["call_id"] for one in read_rows(settings, CALL_EMOTIONS)} == {"c1", "c2", "c3", "c5"}


def test_a_date_whose_recordings_are_gone_is_published_empty(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"retention": {"follow_audio": True}})
    before = file_marks(scores(settings))
    for path in Path(settings.archive.uri or "", "2026/03/03").iterdir():
        path.unlink()
    run(spark, Ingest, settings)
    assert run(spark, Score, settings)["scored_calls"] == 0
    assert {one["call_id"] for one in read_rows(settings, CALL_EMOTIONS)} == {"c1", "c2"}
    assert {one["call_date"] for one in read_rows(settings, SEGMENT_EMOTIONS)} == {MONDAY}
    assert changed(scores(settings), before) == {str(TUESDAY)}
    emptied = file_marks(scores(settings))
    assert len([name for name in emptied if str(TUESDAY) in name and name.endswith(".parquet")]) == 2
    run(spark, Score, settings)
    assert file_marks(scores(settings)) == emptied  # once is enough


def test_vectors_that_stand_twice_are_scored_once(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    expected = [(one["recording_id"], one["segment_no"]) for one in read_rows(settings, SEGMENT_EMOTIONS)]
    store = store_of(settings)
    for table in (CHANNELS, FEATURES):
        for key in store.files(table):
            folder, _, name = key.rpartition("/")
            copy = f"{folder}/99990101T000000-000000-{name.partition('-')[2].partition('-')[2]}"
            store.storage.put(copy, store.storage.read(key))
    assert run(spark, Score, settings)["scored_segments"] == 0  # other files, the same extractions
    again = settings.model_copy(update={"scoring": settings.scoring.model_copy(update={"again": True})})
    assert run(spark, Score, again)["scored_segments"] == len(expected)  # from the newest files
    assert [(one["recording_id"], one["segment_no"]) for one in read_rows(settings, SEGMENT_EMOTIONS)] == expected


def test_agents_are_scored_for_a_stated_purpose(spark: SparkSession, copied: Copied, tmp_path: Path) -> None:
    purpose = "training simulation, volunteers only"
    voices = {"scoring": {"roles": ["customer", "agent"], "purpose": purpose}}
    settings = copied({**voices, "tables": {"uri": str(tmp_path / "other")}})
    for work in (Ingest, Extract):
        run(spark, work, settings)
    row = run(spark, Score, settings)
    found = {(one["call_id"], one["role"]): one["dominant_emotion"] for one in read_rows(settings, CALL_EMOTIONS)}
    agents = {("c1", "agent"): "angry", ("c2", "agent"): "sad", ("c3", "agent"): "happy"}
    customers = {("c1", "customer"): "sad", ("c2", "customer"): "happy", ("c3", "customer"): "angry"}
    assert found == agents | customers  # c4 is mono, mixed: not asked for
    kept = {one["job"]: one["purpose"] for one in read_rows(settings, RUNS) if one["run_id"] == row["run_id"]}
    assert kept == {"score": purpose}


def test_a_model_of_other_features_is_refused(scored: Scored) -> None:
    settings, _ = scored
    other = settings.features.model_copy(update={"hop_length": 256})
    with pytest.raises(BundleError) as refusal:
        Score(settings.model_copy(update={"features": other}))
    said = str(refusal.value)
    assert Score(settings).features.id in said
    assert "hop_length: model 512, settings 256" in said
    assert refusal.value.exit_code == 1
