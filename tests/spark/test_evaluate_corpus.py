"""`ser evaluate corpus` on planted sounds, from the recordings to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from ser_core.cli.main import main
from ser_core.learning.evaluation import corpus_conditions
from ser_core.learning.evaluation.corpus_metrics import summarise_corpus
from ser_core.learning.evaluation.fold_predictions import PREDICTIONS
from ser_core.pipeline.benchmarks import corpus_benchmark
from ser_core.pipeline.engine import session as sessions
from tests.support.pipeline import layout
from tests.support.synth import EMOTIONS, SPEAKERS, corpus_files, write_files

LITTLE = {"members": 2, "calibration_members": 1, "hidden_layers": [16], "max_iter": 60, "learning_rate": 0.01}


def words(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """Settings as command-line words."""
    found: list[str] = []
    for key, value in tree.items():
        name = f"{prefix}{key.replace('_', '-')}"
        found += words(value, f"{name}.") if isinstance(value, dict) else [f"--{name}", json.dumps(value).strip('"')]
    return found


def test_the_file_of_predictions_gives_what_the_command_tells(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "corpus", corpus_files())
    monkeypatch.setattr(sessions, "start_session", lambda *_: spark)
    monkeypatch.setattr(corpus_benchmark, "cpu_count", lambda: 1)
    for name in ("_UNNORMALISED", "_NORMALISED"):
        monkeypatch.setattr(
            corpus_conditions, name, {**getattr(corpus_conditions, name), **LITTLE, "speaker_directions": 0}
        )
    out, log, predictions = tmp_path / "out", tmp_path / "log.jsonl", tmp_path / "predictions.parquet"
    given = ["evaluate", "corpus", "--json", "--predictions", str(predictions), "--out", str(out), "--log", str(log)]
    given += ["--conditions", "unheard_speaker", "--features.set", "paper-180"]
    assert main([*given, *words(layout(tmp_path))]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["conditions"]) == {"unheard_speaker", "noise"}
    found = told["conditions"]["unheard_speaker"]
    assert found["n"] == len(SPEAKERS) * len(EMOTIONS)
    assert found["uar"] > 0.5  # chance is 0.25
    assert told["ece"] == found["ece"]
    assert told["peers"]["tutorial"]["uar"] > 0.25
    assert told["features"]["set"] == "paper-180"

    table = pq.read_table(predictions)
    assert table.schema.equals(PREDICTIONS)
    again = json.loads(json.dumps(summarise_corpus(table)))
    assert all(told[name] == again[name] for name in ("conditions", "ece", "peers"))
    clips = {row["clip"] for row in table.to_pylist() if row["condition"] == "noise"}
    assert clips == {f"{speaker}/{emotion}.wav" for speaker in SPEAKERS for emotion in EMOTIONS}
    looks = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["condition"], one["fold"]) for one in looks][:3] == [("unheard_speaker", fold) for fold in range(3)]
    assert "| unheard_speaker | " in (out / "report.md").read_text()
    assert (out / "reliability_noise.png").read_bytes().startswith(b"\x89PNG")
