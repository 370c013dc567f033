"""Other priors, a confidence to reach, and two models side by side, through the score job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ser_core.cli.main import main
from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CALL_EMOTIONS, RUNS, SEGMENT_EMOTIONS, probability, share
from ser_core.errors import SettingsError
from ser_core.pipeline.stages.score import Score
from tests.support import synth
from tests.support.pipeline import file_marks, read_rows, run

Scored = tuple[Settings, dict[str, Any]]
Copied = Callable[..., Settings]


def posteriors(settings: Settings) -> np.ndarray:
    names = [probability(name) for name in synth.EMOTIONS]
    return np.array([[row[name] for name in names] for row in read_rows(settings, SEGMENT_EMOTIONS)])


def kept_priors(settings: Settings, row: dict[str, Any]) -> Any:
    (text,) = [one["priors"] for one in read_rows(settings, RUNS) if one["run_id"] == row["run_id"]]
    return None if text is None else json.loads(text)


def test_priors_score_again_and_are_kept(spark: SparkSession, scored: Scored, copied: Copied) -> None:
    before, rare = posteriors(scored[0]), dict.fromkeys(synth.EMOTIONS, 1.0) | {"sad": 1e-6}
    settings = copied({"scoring": {"priors": rare}})
    row = run(spark, Score, settings)
    assert row["scored_calls"] == scored[1]["scored_calls"]  # every date, as none was scored so
    kept = kept_priors(settings, row)
    assert sum(kept.values()) == pytest.approx(1)
    assert kept["sad"] == pytest.approx(1e-6 / (len(rare) - 1), rel=1e-3)
    assert kept_priors(scored[0], scored[1]) is None
    weighted = before * [rare[name] for name in synth.EMOTIONS]
    np.testing.assert_allclose(posteriors(settings), weighted / weighted.sum(axis=1, keepdims=True), atol=1e-5)
    assert "sad" not in {one["dominant_emotion"] for one in read_rows(settings, CALL_EMOTIONS)}
    assert run(spark, Score, settings)["scored_calls"] == 0  # once is enough
    again = settings.model_copy(update={"scoring": scored[0].scoring})
    assert run(spark, Score, again)["scored_calls"] == row["scored_calls"]
    np.testing.assert_allclose(posteriors(again), before, atol=1e-5)


def test_a_confidence_out_of_reach_leaves_all_undecided(spark: SparkSession, scored: Scored, copied: Copied) -> None:
    settings = copied({"scoring": {"min_confidence": 1.0}})
    assert run(spark, Score, settings)["scored_calls"] == 3
    np.testing.assert_allclose(posteriors(settings), posteriors(scored[0]), atol=1e-5)
    for one in read_rows(settings, SEGMENT_EMOTIONS):
        assert (one["emotion"] is None) == (one["confidence"] < 1)
    for one in read_rows(settings, CALL_EMOTIONS):
        undecided = one["dominant_emotion"] is None
        assert one["undecided_s"] == (one["speech_s"] if undecided else 0)
        assert (one[share("sad")] is None) == undecided
    assert {one["undecided_s"] for one in read_rows(scored[0], CALL_EMOTIONS)} == {0}


def test_what_is_not_in_use_does_not_score_again(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"scoring": {"priors": None, "min_confidence": 0.0}})
    before = file_marks(Path(settings.tables.uri, CALL_EMOTIONS.name))
    assert run(spark, Score, settings)["scored_calls"] == 0
    assert file_marks(Path(settings.tables.uri, CALL_EMOTIONS.name)) == before


def test_priors_of_no_class_stop_before_spark(scored: Scored) -> None:
    scoring = scored[0].scoring.model_copy(update={"priors": {"bored": 0.5}})
    with pytest.raises(SettingsError, match="emotions/1 never predicts bored"):
        Score(scored[0].model_copy(update={"scoring": scoring}))


def second_model(settings: Settings) -> None:
    """The first model under another name."""
    models = open_storage(settings.models.uri, settings.storage)
    manifest = json.loads(models.read("emotions/1/manifest.json"))
    for name in manifest["files"]:
        models.put(f"emotions/2/{name}", models.read(f"emotions/1/{name}"))
    models.put("emotions/2/manifest.json", json.dumps({**manifest, "model_version": "emotions/2"}).encode())


def test_two_models_stand_side_by_side_and_can_be_compared(
    spark: SparkSession, copied: Copied, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = copied({"scoring": {"model": "emotions/2"}})
    second_model(settings)
    words = ["--tables.uri", settings.tables.uri, "--models.uri", settings.models.uri, "--json"]
    assert main(["model", "compare", "emotions/1", "emotions/2", *words]) == 1
    assert "`ser score --scoring.model emotions/2" in json.loads(capsys.readouterr().out)["error"]
    first = read_rows(settings, SEGMENT_EMOTIONS)
    run(spark, Score, settings)
    both = read_rows(settings, SEGMENT_EMOTIONS)
    assert [row for row in both if row["model_version"] == "emotions/1"] == first
    assert len(both) == 2 * len(first)
    assert main(["model", "compare", "emotions/1", "emotions/2", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["channels"] == {"both": 3, "a": 0, "b": 0}
    assert (found["agreement"]["share"], found["agreement"]["kappa"], found["shift"]["psi"]) == (1, 1, 0)
    assert found["speech_s"] == pytest.approx(sum(row["end_s"] - row["start_s"] for row in first))
