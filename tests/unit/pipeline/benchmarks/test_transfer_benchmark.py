"""The benchmark of strangers on planted vectors: who is trained on, who is tested, what is heard of whom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ser_core.config import Settings, load_settings
from ser_core.emotions import EMOTIONS
from ser_core.errors import TrainingError
from ser_core.learning.evaluation.outer_fold_log import OuterLog
from ser_core.learning.evaluation.stranger_metrics import summarise_strangers
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.pipeline.benchmarks import transfer_benchmark
from ser_core.pipeline.benchmarks.corpus_data import CorpusData
from ser_core.pipeline.benchmarks.transfer_benchmark import TransferBenchmark
from ser_core.sound.augmentation import Condition

SPEAKERS = ("a", "b", "c", "d")
ASKED: list[tuple[str, list[str], Mapping[str, Any]]] = []


class Source:
    """Stands for `CorpusSource`: the uri lists the corpus's emotions, and a recording's first numbers tell its own."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.corpus.name or settings.corpus.kind
        self.emotions = (settings.corpus.uri or "").rpartition("/")[2].split()

    def read(self, session: object, conditions: Sequence[Condition], changes: Mapping[str, Any]) -> CorpusData:
        ASKED.append((self.name, [one.name for one in conditions], changes))
        rng = np.random.default_rng(0)
        rows = [(s, e, k, c.name) for c in conditions for s in SPEAKERS for e in self.emotions for k in range(3)]
        speaker, emotion, _, condition = (np.array(column) for column in zip(*rows, strict=True))
        X = 3.0 * np.eye(len(EMOTIONS))[[EMOTIONS.index(e) for e in emotion.tolist()]]
        X += 0.3 * rng.standard_normal(X.shape)
        ids = np.array([f"{s}-{e}-{k}" for s, e, k, _ in rows])
        n, language = len(X), np.full(len(X), "en")
        data = LabelledFeatures(
            X.astype(np.float32), emotion, speaker, ids, np.ones(n), condition, language, np.full(n, self.name)
        )
        clips = {one: f"{one}.wav" for one in ids.tolist()}
        people = {clip: {"sex": "male" if clip[0] in "ab" else "female"} for clip in clips.values()}
        return CorpusData(self.name, data, clips, None, {}, f"planted of {changes['features']}", people)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    ASKED.clear()
    monkeypatch.setattr(transfer_benchmark, "CorpusSource", Source)
    monkeypatch.setattr(transfer_benchmark, "cpu_count", lambda: 1)
    listed = [
        {"kind": "manifest", "name": "one", "uri": "neutral happy sad angry"},
        {"kind": "manifest", "name": "two", "uri": "neutral happy sad angry fearful", "weight": 2.0},
    ]
    little = {"hidden-layers": "[16]", "members": 1, "calibration-members": 1, "batch-size": 16, "copies": 1}
    little |= {"feature-share": 1.0, "max-iter": 60, "learning-rate": 0.01}
    words = [word for key, value in little.items() for word in (f"--training.{key}", str(value))]
    copies = ["--augmentation.varied", "1", "--augmentation.line", "2"]
    return load_settings(["--corpora", json.dumps(listed), *words, *copies], environ={})


def further(settings: Settings, name: str, emotions: str) -> Settings:
    corpus = settings.corpus.model_copy(update={"kind": "manifest", "name": name, "uri": emotions})
    return settings.model_copy(update={"corpora": (), "corpus": corpus})


def test_each_is_left_out_and_further_ones_are_never_trained_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[list[str], list[str], Mapping[str, float]]] = []
    fit = transfer_benchmark.run_stranger_task

    def noted(task: Any, training: Any) -> Any:
        if task.peer is None:
            corpora = np.unique(task.trained.corpus).tolist()
            trained.append((corpora, [one.name for one in task.tested], task.weights))
        return fit(task, training)

    monkeypatch.setattr(transfer_benchmark, "run_stranger_task", noted)
    tests = [further(settings, "far", "happy sad bored"), further(settings, "odd", "bored calm")]
    tests.append(further(settings, "single", "sad"))
    benchmark = TransferBenchmark(settings, tests, {})
    table = benchmark.run(None, OuterLog(tmp_path / "log.jsonl"))  # type: ignore[arg-type]
    weights = {"one": 1.0, "two": 2.0}
    expected = [(["one"], ["two"], weights), (["one", "two"], ["far", "odd"], weights), (["two"], ["one"], weights)]
    assert sorted(trained, key=str) == sorted(2 * expected, key=str)

    result = summarise_strangers(table, 0.0, benchmark.people, benchmark.classes_of())
    assert result["conditions"]["transfer:far"]["classes"] == ["happy", "sad"]
    assert result["conditions"]["transfer:far"]["n"] == 2 * 3 * len(SPEAKERS)
    assert result["conditions"]["transfer:one"]["uar"] > 0.8
    assert set(result["conditions"]["transfer:one:line:archive"]["by"]["sex"]) == {"male", "female"}
    assert list(result["conditions"]["transfer:two"]["of_classes"]) == []  # it shares all that `one` has
    facts = benchmark.facts()
    assert {"odd", "single", "transfer:far:archive-neutral"} == set(facts["left_out"])
    assert [(one["name"], one["weight"]) for one in facts["corpora"]][:3] == [("one", 1.0), ("two", 2.0), ("far", None)]
    assert set(facts["features"]) == {"ours", "tutorial", "ours:line", "tutorial:line"}


def test_what_is_heard_is_what_is_needed(settings: Settings, tmp_path: Path) -> None:
    benchmark = TransferBenchmark(settings, [further(settings, "far", "happy sad")], {})
    benchmark.run(None, OuterLog(tmp_path / "log.jsonl"))  # type: ignore[arg-type]
    heard = {(name, changes["features"].get("set"), tuple(conditions)) for name, conditions, changes in ASKED}
    for name in ("one", "two"):
        assert (name, None, ("as_recorded", "varied-1")) in heard
        assert (name, None, ("telephone", "line-1", "line-2")) in heard
        assert (name, "paper-180", ("telephone",)) in heard
    assert ("far", None, ("as_recorded",)) in heard  # no copies of what is not trained on
    line = [changes["features"] for _, conditions, changes in ASKED if conditions[0] == "telephone"]
    assert {one["sample_rate_hz"] for one in line} == {8000}


def test_peers_from_files_are_found_by_corpus_and_clip(settings: Settings, tmp_path: Path) -> None:
    clips, vectors = [], []
    for name, emotions in (("one", "neutral happy sad angry"), ("two", "neutral happy sad angry fearful")):
        for speaker in SPEAKERS:
            for emotion in emotions.split():
                for k in range(3):
                    clips.append(f"{name}/{speaker}-{emotion}-{k}.wav")
                    vectors.append(np.eye(10)[EMOTIONS.index(emotion)] + 0.1 * k)
    path = tmp_path / "peer.parquet"
    pq.write_table(pa.table({"clip": clips, "vector": pa.array([v.tolist() for v in vectors])}), path)
    benchmark = TransferBenchmark(settings, [], {"x": path})
    table = benchmark.run(None, OuterLog(tmp_path / "log.jsonl"))  # type: ignore[arg-type]
    rows = table.filter(pc.starts_with(table["condition"], "peer:x:"))
    names = set(pc.unique(rows["condition"]).to_pylist())
    suffixes = ("", ":archive", ":normalised", ":skewed")
    assert names == {f"peer:x:transfer:{name}{suffix}" for name in ("one", "two") for suffix in suffixes}
    result = summarise_strangers(rows, 0.0, {}, {})
    assert result["peers"]["x"]["transfer:one"]["uar"] > 0.9


def test_a_corpus_of_the_list_must_have_classes(settings: Settings, tmp_path: Path) -> None:
    listed = settings.corpora[0].model_copy(update={"uri": "sad"})
    broken = settings.model_copy(update={"corpora": (listed, settings.corpora[1])})
    with pytest.raises(TrainingError, match="leaves 1 classes"):
        TransferBenchmark(broken, [], {}).run(None, OuterLog(tmp_path / "log.jsonl"))  # type: ignore[arg-type]
