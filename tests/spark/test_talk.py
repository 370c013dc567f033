"""Talk facts, engagement and words through the score job, on calls whose speech is planted in `channels`."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, CHANNELS, SEGMENT_EMOTIONS
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train
from tests.support.pipeline import PATTERN, file_marks, job_settings, read_rows, run, store_of
from tests.support.synth import corpus_files, stereo_wav, wav, write_files

SPEECH = {
    ("talk", "customer"): [(0.0, 3.0), (3.4, 4.0), (7.5, 8.0)],
    ("talk", "agent"): [(2.5, 4.5)],  # interrupts: the customer pauses for 0.4 s, stops at 4.0
    ("quiet", "customer"): [],
    ("quiet", "agent"): [],
    ("mono", "mixed"): [(1.0, 2.0)],
}
DAY = "2026/03/02"
ANGRY = {"segments": [{"start": 0.2, "end": 1.5, "text": "this is terrible, I hate it", "speaker": "Caller"}]}


def plant(settings: Settings) -> None:
    """Puts `SPEECH` where extraction has written what it heard."""
    store = store_of(settings)
    for key in store.files(CHANNELS):
        rows = store.read(key).to_pylist()
        for row in rows:
            spans = SPEECH[row["call_id"], row["role"]]
            row |= {"speech": [{"start_s": a, "end_s": b} for a, b in spans], "syllables": 5 * len(spans)}
        store.write(key, pa.Table.from_pylist(rows, schema=CHANNELS.schema))


@pytest.fixture(scope="module")
def scored(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("talk")
    calls = {name: stereo_wav("happy", "neutral", 8.0) for name in ("talk", "quiet")}
    calls |= {"mono": wav("sad", 8.0)}
    write_files(root / "archive" / DAY, {f"{name}_a1.wav": data for name, data in calls.items()})
    write_files(root / "corpus", corpus_files())
    settings = job_settings(root, {"archive": {"pattern": PATTERN}, "segments": {"mode": "window", "window_s": 2.0}})
    for work in (Ingest, Extract, Train):
        run(spark, work, settings)
    plant(settings)
    run(spark, Score, settings)
    return settings


def by_call(settings: Settings, table: Any = CALL_TALK) -> dict[str, Mapping[str, Any]]:
    return {row["call_id"]: row for row in read_rows(settings, table)}


def test_every_call_has_its_facts(scored: Settings) -> None:
    found = by_call(scored)
    assert set(found) == {"talk", "quiet", "mono"}
    talk = found["talk"]
    assert (talk["agent_id"], talk["call_date"]) == ("a1", dt.date(2026, 3, 2))
    expected = {
        "duration_s": 8.0,
        "customer_talk_s": 4.1,
        "agent_talk_s": 2.0,
        "crosstalk_s": 1.1,
        "silence_s": 0.0,
        "silences": 0,
        "interruptions_by_agent": 1,
        "interruptions_by_customer": 0,
        "articulation_rate": 15 / 4.1,
        "speaking_rate": 15 / 4.1,  # the agent speaks in both of the customer's pauses
    }
    assert {name: talk[name] for name in expected} == pytest.approx(expected)


def test_a_call_without_speech_has_zeros_and_a_mono_one_no_sides(scored: Settings) -> None:
    found = by_call(scored)
    assert (found["quiet"]["customer_talk_s"], found["quiet"]["crosstalk_s"], found["quiet"]["speaking_rate"]) == (
        0,
    ) * 3
    assert (found["quiet"]["silence_s"], found["quiet"]["silences"]) == (8.0, 1)
    sides = ("customer_talk_s", "agent_talk_s", "crosstalk_s", "interruptions_by_agent", "speaking_rate")
    assert {found["mono"][name] for name in sides} == {None}
    assert (found["mono"]["silence_s"], found["mono"]["silences"]) == (6.0, 1)


def test_engagement_counts_the_share_of_talk(spark: SparkSession, scored: Settings) -> None:
    row = by_call(scored, CALL_EMOTIONS)["talk"]
    weights = scored.engagement
    terms = [
        (weights.arousal, (1 + row["arousal"]) / 2),
        (weights.valence_trend, (1 + row["valence_change"]) / 2),
        (weights.talk_share, 4.1 / 6.1),
    ]
    assert row["engagement"] == pytest.approx(sum(w * x for w, x in terms) / sum(w for w, _ in terms), abs=1e-6)
    assert {one["text_valence"] for one in read_rows(scored, SEGMENT_EMOTIONS)} == {None}


def test_what_has_not_changed_is_not_published_again(spark: SparkSession, scored: Settings) -> None:
    before = file_marks(Path(scored.tables.uri, CALL_TALK.name))
    again = run(spark, Score, scored)
    assert (again["talk_calls"], again["scored_calls"]) == (0, 0)
    assert file_marks(Path(scored.tables.uri, CALL_TALK.name)) == before


def test_another_threshold_makes_dates_stale(spark: SparkSession, scored: Settings) -> None:
    deaf = scored.model_copy(update={"talk": scored.talk.model_copy(update={"silence_s": 100.0})})
    assert run(spark, Score, deaf)["talk_calls"] == 3
    assert {row["silences"] for row in read_rows(deaf, CALL_TALK)} == {0}
    assert run(spark, Score, scored)["talk_calls"] == 3
    assert by_call(scored)["quiet"]["silences"] == 1


def test_words_move_the_valence_of_their_segments_and_of_the_call(
    spark: SparkSession, scored: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with_words = scored.model_copy(update={"transcripts": scored.transcripts.model_copy(update={"enabled": True})})
    folder = Path(scored.archive.uri or "", DAY)
    voice = by_call(scored, CALL_EMOTIONS)
    (folder / "quiet_a1.vtt").write_text("no transcript at all")
    with caplog.at_level(logging.WARNING, logger="ser_core"):
        run(spark, Score, with_words)
    assert "1 transcripts could not be read" in caplog.text
    assert by_call(scored, CALL_EMOTIONS)["talk"]["valence"] == voice["talk"]["valence"]
    (folder / "talk_a1.json").write_text(json.dumps(ANGRY))
    (folder / "quiet_a1.vtt").unlink()
    assert run(spark, Score, with_words)["scored_calls"] == 2  # the transcript came after the call was scored
    segments = [row for row in read_rows(scored, SEGMENT_EMOTIONS) if row["call_id"] == "talk"]
    words = {row["start_s"]: row["text_valence"] for row in segments}
    assert words.pop(0.0) < -0.5
    assert set(words.values()) == {None}
    fused = sum(
        row["valence"] if row["text_valence"] is None else 0.7 * row["valence"] + 0.3 * row["text_valence"]
        for row in segments
    ) / len(segments)
    found = by_call(scored, CALL_EMOTIONS)
    assert found["talk"]["valence"] == pytest.approx(fused, abs=1e-6)
    assert found["talk"]["valence"] < voice["talk"]["valence"]
    assert found["quiet"]["valence"] == pytest.approx(voice["quiet"]["valence"], abs=1e-6)


def test_no_table_holds_what_was_said(scored: Settings) -> None:
    for path in Path(scored.tables.uri).rglob("*.parquet"):
        assert b"terrible" not in path.read_bytes()
