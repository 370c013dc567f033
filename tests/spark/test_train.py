"""A labelled corpus becomes a model bundle; the first of its name is promoted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import AS_RECORDED, CHANNELS, FEATURES, LABELS, RUNS
from ser_core.learning.training.bundle import load_model, promoted, read_bundle
from ser_core.pipeline.stages.train import Train
from tests.support.pipeline import job_settings, read_rows, run, store_of
from tests.support.s3 import storage_settings
from tests.support.synth import EMOTIONS, SPEAKERS
from tests.support.synth import LABELS as LABELS_CSV

RECORDINGS_OF_CORPUS = len(EMOTIONS) * len(SPEAKERS)


def test_a_bundle_is_written_and_promoted(trained: tuple[Path, dict[str, Any]]) -> None:
    root, row = trained
    models = open_storage(str(root / "models"), storage_settings())
    assert (row["status"], row["model_version"], row["promoted"]) == ("done", "emotions/1", True)
    assert promoted(models, "emotions") == "emotions/1"
    model = load_model(read_bundle(models, "emotions/1"))
    assert set(model.classes) == set(EMOTIONS)
    assert model.feature_set_id == row["feature_set"]
    manifest = json.loads((root / "models/emotions/1/manifest.json").read_text(encoding="utf-8"))
    assert manifest["training"]["speakers"] == len(SPEAKERS)
    assert manifest["training"]["recordings"] == RECORDINGS_OF_CORPUS
    assert {"card.md", "confusion_speaker.png"} <= {path.name for path in (root / "models/emotions/1").iterdir()}


def test_planted_sounds_are_told_apart_on_unheard_speakers(trained: tuple[Path, dict[str, Any]]) -> None:
    assert trained[1]["evaluation"]["speaker_independent"]["metrics"]["uar"] > 0.9


def test_the_corpus_has_tables_of_its_own(trained: tuple[Path, dict[str, Any]]) -> None:
    root, _ = trained
    corpus = store_of(job_settings(root, {"tables": {"uri": str(root / "corpus-tables")}}))
    labels = read_rows(corpus, LABELS)
    assert len(labels) == RECORDINGS_OF_CORPUS
    assert {row["speaker"] for row in labels} == set(SPEAKERS)
    channels = read_rows(corpus, CHANNELS)
    assert {row["recording_id"] for row in channels} == {row["recording_id"] for row in labels}
    assert {row["role"] for row in channels} == {"customer"}


def test_a_second_training_is_a_version_that_nobody_uses_yet(
    spark: SparkSession, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    for name in ("corpus-tables", "models"):
        shutil.copytree(trained[0] / name, tmp_path / name)
    settings = job_settings(tmp_path, {"corpus": {"uri": str(trained[0] / "corpus" / LABELS_CSV)}})
    row = run(spark, Train, settings)
    assert (row["model_version"], row["promoted"]) == ("emotions/2", False)
    assert promoted(open_storage(settings.models.uri, settings.storage), "emotions") == "emotions/1"
    corpus = store_of(job_settings(tmp_path, {"tables": {"uri": settings.corpus.tables_uri}}))
    extractions = [one["extracted"] for one in read_rows(corpus, RUNS) if one["job"] == "extract"]
    assert extractions == [RECORDINGS_OF_CORPUS, 0]  # what is done is not done again
    assert len(read_rows(corpus, LABELS)) == RECORDINGS_OF_CORPUS


def test_altered_copies_are_made_once_and_trained_on(
    spark: SparkSession, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """The corpus was extracted as recorded: only the copies are added, and the second training adds none."""
    shutil.copytree(trained[0] / "corpus-tables", tmp_path / "corpus-tables")
    ensemble = {"members": 2, "calibration_members": 1, "feature_share": 0.5, "copies": 1, "speaker_directions": 1}
    changes = {
        "corpus": {"uri": str(trained[0] / "corpus" / LABELS_CSV)},
        "augmentation": {"varied": 1, "line": 1},
        "training": ensemble,
    }
    settings = job_settings(tmp_path, changes)
    corpus = store_of(job_settings(tmp_path, {"tables": {"uri": settings.corpus.tables_uri}}))
    before = len(read_rows(corpus, FEATURES))
    row = run(spark, Train, settings)
    rows = read_rows(corpus, FEATURES)
    conditions = {one["condition"].partition(":")[0] for one in rows}
    assert conditions == {AS_RECORDED, "varied-1", "line-1"}
    assert len(rows) > 2 * before
    run(spark, Train, settings)
    assert len(read_rows(corpus, FEATURES)) == len(rows)

    manifest = json.loads((tmp_path / "models/emotions/1/manifest.json").read_text(encoding="utf-8"))
    stated = manifest["training"]
    assert stated["rows"] == before
    assert stated["recordings"] == RECORDINGS_OF_CORPUS
    assert set(stated["altered_rows"]) == {"varied-1", "line-1"}
    assert {one["id"] for one in stated["augmentation"]} < {one["condition"] for one in rows}
    assert (stated["perceptrons"], stated["calibration_groups"]) == (2 + 3, 3)
    evaluation = row["evaluation"]
    assert evaluation["speaker_independent"]["metrics"]["decisions"] == RECORDINGS_OF_CORPUS
    assert {one["family"]: one["features"] for one in evaluation["importance"]} == {
        "mfcc": 40,
        "chroma": 12,
        "mel": 128,
    }
    card = (tmp_path / "models/emotions/1/card.md").read_text(encoding="utf-8")
    assert "altered as varied-1, line-1" in card
    assert "| mfcc | 40 |" in card
    models = open_storage(settings.models.uri, settings.storage)
    assert len(load_model(read_bundle(models, "emotions/1")).classes) == len(EMOTIONS)
