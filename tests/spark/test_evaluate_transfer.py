"""`ser evaluate transfer` and `ser train` on several planted corpora, from the settings file to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from ser_core.cli.main import main
from ser_core.config import load_settings
from ser_core.data.tables.schemas import LABELS, probability
from ser_core.learning.evaluation.stranger_rows import STRANGER_PREDICTIONS
from ser_core.pipeline.benchmarks import transfer_benchmark
from ser_core.pipeline.engine import session as sessions
from ser_core.pipeline.stages.train import Train
from tests.spark.test_evaluate_corpus import words
from tests.support.pipeline import SMALL, merged, read_rows, run, store_of
from tests.support.synth import EMOTIONS, SPEAKERS, corpus_files, write_files
from tests.support.synth import LABELS as LABELS_CSV

SEVERAL = {"members_left_out": 1, "alpha": 0.01, "max_iter": 60}
LITTLE = {"members": 1, "calibration_members": 1, "several_corpora": SEVERAL}
NAMES = ("one", "two")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora, and settings that list them."""
    root = tmp_path_factory.mktemp("strangers")
    for name in NAMES:
        write_files(root / name, corpus_files())
    listed = [f"  - {{kind: manifest, name: {name}, uri: {name}/{LABELS_CSV}, language: pl}}\n" for name in NAMES]
    (root / "two.yaml").write_text("corpora:\n" + "".join(listed))
    return root


def given(root: Path) -> list[str]:
    places = {"corpus": {"tables_uri": str(root / "tables")}, "models": {"uri": str(root / "models")}}
    return ["--config", str(root / "two.yaml"), *words(merged(merged(dict(SMALL), {"training": LITTLE}), places))]


def test_every_corpus_is_tested_by_a_model_of_the_others(
    spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setattr(sessions, "start_session", lambda *_: spark)
    monkeypatch.setattr(transfer_benchmark, "cpu_count", lambda: 1)
    out, log, predictions = root / "out", root / "log.jsonl", root / "predictions.parquet"
    asked = ["--json", "--predictions", str(predictions), "--out", str(out), "--log", str(log)]
    assert main(["evaluate", "transfer", *asked, *given(root)]) == 0
    result = json.loads(capsys.readouterr().out)

    raw = result["conditions"]["transfer:one"]
    assert (raw["n"], raw["classes"]) == (len(SPEAKERS) * len(EMOTIONS), list(EMOTIONS))
    assert raw["uar"] > 0.5  # chance is 0.25
    assert raw["arousal"]["predicted"] and result["peers"]["tutorial"]["transfer:one"]["uar"] > 0.5
    suffixes = ["", ":archive", ":archive-neutral", ":normalised", ":skewed"]
    suffixes += [":line", ":line:archive", ":line:normalised", ":line:skewed"]
    assert set(result["conditions"]) == {f"transfer:{name}{suffix}" for name in NAMES for suffix in suffixes}
    assert [one["name"] for one in result["corpora"]] == list(NAMES)
    assert result["training"]["label_scheme"] == "corpus"

    table = pq.read_table(predictions)
    assert table.schema.equals(STRANGER_PREDICTIONS)
    _check(table)
    looks = [json.loads(line) for line in log.read_text().splitlines()]
    assert {one["condition"] for one in looks} == set(pc.unique(table["condition"]).to_pylist())
    report = (out / "report.md").read_text()
    assert "| transfer:two:archive | " in report and "peer tutorial, transfer:two" in report


def _check(table: pa.Table) -> None:
    total = np.sum([table[probability(name)].fill_null(0).to_numpy() for name in EMOTIONS], axis=0)
    assert total == pytest.approx(1.0, abs=1e-5)
    assert table["emotion"].null_count == 0
    ours = table.filter(pc.invert(pc.starts_with(table["condition"], "peer:")))
    assert ours["arousal_high"].null_count == 0
    assert 0 <= pc.min(ours["valence_negative"]).as_py() <= pc.max(ours["valence_negative"]).as_py() <= 1
    keys = set(zip(*(table[name].to_pylist() for name in ("condition", "clip")), strict=True))
    assert len(keys) == len(table)


def test_a_model_of_several_corpora(spark: SparkSession, root: Path) -> None:
    """It is trained on both, with tables apart; its manifest, card and run say whose terms hold."""
    settings = load_settings(given(root), environ={})
    row: dict[str, Any] = run(spark, Train, settings)
    assert "one (no commercial use), two (no commercial use)" in row["detail"]
    manifest = json.loads((root / "models/emotions/1/manifest.json").read_text(encoding="utf-8"))["training"]
    assert (manifest["corpus"], manifest["commercial_use"]) == ("one, two", False)
    assert manifest["speakers"] == 2 * len(SPEAKERS)  # the same names in both corpora
    assert [one["rows"] for one in manifest["corpora"]] == [len(SPEAKERS) * len(EMOTIONS)] * 2
    assert "**Commercial use**: no" in (root / "models/emotions/1/card.md").read_text()
    for name in NAMES:
        tables = settings.tables.model_copy(update={"uri": str(root / "tables" / name)})
        labels = read_rows(store_of(settings.model_copy(update={"tables": tables})), LABELS)
        assert {label["corpus"] for label in labels} == {name}
    tested = row["evaluation"]["speaker_independent"]["test_speakers"]
    assert all({name.partition("/")[0] for name in fold} == set(NAMES) for fold in tested)
