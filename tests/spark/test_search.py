"""`ser search corpus` on planted sounds: a file a fold, which the benchmark takes up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.cli.main import main
from ser_core.config.searched import search_path, searched
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS
from ser_core.pipeline.benchmarks.fold_search import Plan, search_corpus
from ser_core.pipeline.engine import session as sessions
from tests.support.pipeline import job_settings, layout
from tests.support.synth import SPEAKERS, corpus_files, write_files


def words(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """Settings as command-line words."""
    found: list[str] = []
    for key, value in tree.items():
        name = f"{prefix}{key.replace('_', '-')}"
        found += words(value, f"{name}.") if isinstance(value, dict) else [f"--{name}", json.dumps(value).strip('"')]
    return found


def test_a_file_a_fold(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "corpus", corpus_files())
    monkeypatch.setattr(sessions, "start_session", lambda *_: spark)
    asked = ["--conditions", "unheard_speaker_normalised", "--folds", "0,2", "--trials", "2", "--members", "1"]
    out = tmp_path / "found"
    given = [
        "search",
        "corpus",
        *asked,
        "--out",
        str(out),
        "--json",
        "--features.set",
        "paper-180",
        *words(layout(tmp_path)),
    ]
    assert main(given) == 0
    told = json.loads(capsys.readouterr().out)["searches"]
    assert [(row["corpus"], row["condition"], row["fold"]) for row in told] == [
        ("labels", "unheard_speaker_normalised", fold) for fold in (0, 2)
    ]
    for row in told:
        assert len(row["trials"]) == 2
        assert row["trials"][0]["overrides"] == {}
        path = search_path("labels", row["condition"], row["fold"], out)
        assert row["file"] == str(path)
        head = path.read_text(encoding="utf-8")
        assert f"# Features: {row['feature_set']}" in head
        assert "# Found by `ser search corpus` on the 4 training speakers" in head
        assert searched("labels", row["condition"], row["fold"], folder=out) == row["overrides"]


def test_folds_are_searched_on_their_training_speakers(spark: SparkSession, tmp_path: Path) -> None:
    write_files(tmp_path / "corpus", corpus_files())
    settings = job_settings(tmp_path, {"features": {"set": "paper-180"}})
    condition = CONDITIONS["unheard_speaker_normalised"]
    found = list(search_corpus(spark, settings, [condition], None, Plan(1, 1, 0)))
    assert [one.fold for one in found] == [0, 1, 2]
    assert sorted(name for one in found for name in one.test_speakers) == sorted(SPEAKERS)
    for one in found:
        assert sorted((*one.speakers, *one.test_speakers)) == sorted(SPEAKERS)
        assert one.result.trials[0].uar > 0.5  # chance is 0.25
        assert one.result.kept
