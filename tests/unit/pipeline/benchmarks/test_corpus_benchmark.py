"""The corpus benchmark on planted vectors: which lines there are, who is trained on, what a search changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ser_core.config import Settings, load_settings
from ser_core.config.searched import search_path, write_searched
from ser_core.config.settings import TrainingSettings
from ser_core.emotions import EMOTIONS
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.evaluation import corpus_conditions, fold_predictions
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, CorpusCondition
from ser_core.learning.evaluation.corpus_metrics import summarise_corpus
from ser_core.learning.evaluation.outer_fold_log import OuterLog
from ser_core.learning.training.fitted_model import FittedModel
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.pipeline.benchmarks import corpus_benchmark
from ser_core.pipeline.benchmarks.corpus_benchmark import CorpusBenchmark
from ser_core.pipeline.benchmarks.corpus_data import CorpusData
from ser_core.sound.augmentation import Condition

SPEAKERS = ("a", "b", "c", "d", "e", "f")
FOLDS = (("a", "d"), ("b", "e"), ("c", "f"))
HEARD = {"a-calm-0.wav": {"x": "calm", "y": "calm", "z": "happy"}}


class Source:
    """Stands for `CorpusSource`: a recording's first numbers tell its emotion, whatever the features."""

    def __init__(self, settings: Settings) -> None:
        name, *emotions = (settings.corpus.uri or "").split()
        self.emotions, self.asked = emotions, list[tuple[list[str], Mapping[str, Any]]]()
        self.corpus = SimpleNamespace(reader=SimpleNamespace(name=name, folds=FOLDS))

    def read(self, session: object, conditions: Sequence[Condition], changes: Mapping[str, Any]) -> CorpusData:
        self.asked.append(([one.name for one in conditions], changes))
        rng = np.random.default_rng(0)
        rows = [(s, e, k, c.name) for c in conditions for s in SPEAKERS for e in self.emotions for k in range(2)]
        speaker, emotion, _, condition = (np.array(column) for column in zip(*rows, strict=True))
        ids = np.array([f"{s}-{e}-{k}" for s, e, k, _ in rows])
        X = 3.0 * np.eye(len(EMOTIONS))[[EMOTIONS.index(e) for e in emotion.tolist()]]
        X += 0.3 * rng.standard_normal(X.shape)
        language = np.where(np.isin(speaker, ["a", "b", "c"]), "en", "de")
        corpus = np.full(len(X), "planted")
        data = LabelledFeatures(
            X.astype(np.float32), emotion, speaker, ids, np.ones(len(X)), condition, language, corpus
        )
        clips = {one: f"{one}.wav" for one in ids.tolist()}
        return CorpusData(self.corpus.reader.name, data, clips, FOLDS, HEARD, "planted")

    def condition(self, session: object, condition: CorpusCondition) -> CorpusData:
        return self.read(session, condition.trained, {})


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    little = {"members": 1, "calibration_members": 1, "hidden_layers": [16], "max_iter": 30, "learning_rate": 0.01}
    for name in ("_UNNORMALISED", "_NORMALISED"):
        own = {**little, "speaker_directions": 0, "feature_share": 1.0, "batch_size": 16}
        monkeypatch.setattr(corpus_conditions, name, {**getattr(corpus_conditions, name), **own})
    monkeypatch.setattr(
        corpus_conditions, "_TUTORIAL", {**corpus_conditions._TUTORIAL, "max_iter": 30, "learning_rate": 0.01}
    )
    monkeypatch.setattr(corpus_benchmark, "CorpusSource", Source)
    monkeypatch.setattr(corpus_benchmark, "cpu_count", lambda: 1)
    monkeypatch.setattr("ser_core.config.searched.search_folder", lambda: tmp_path / "search")


def settings(uri: str) -> Settings:
    base = load_settings(environ={})
    training = base.training.model_copy(update={"label_scheme": "corpus", "folds": "corpus", "seed": 0})
    return base.model_copy(update={"corpus": base.corpus.model_copy(update={"uri": uri}), "training": training})


FOUR = "planted calm happy fearful disgust"


def ran(benchmark: CorpusBenchmark, tmp_path: Path) -> dict[str, Any]:
    return summarise_corpus(benchmark.run(None, OuterLog(tmp_path / "log.jsonl")))  # type: ignore[arg-type]


@pytest.mark.slow
def test_all_lines_are_there(tmp_path: Path) -> None:
    peer = tmp_path / "peer.parquet"
    clips = [f"{s}-{e}-{k}.wav" for s in SPEAKERS for e in FOUR.split()[1:] for k in range(2)]
    vectors = [[3.0 * (name == e) for e in FOUR.split()[1:]] for name in (clip.split("-")[1] for clip in clips)]
    pq.write_table(pa.table({"clip": clips, "vector": vectors}), peer)
    benchmark = CorpusBenchmark(
        settings(FOUR),
        None,
        None,
        [settings("other happy disgust sad")],
        {"x": peer},
    )
    told = ran(benchmark, tmp_path)
    ways = ("language:de", "language:en", "across:planted->other", "across:other->planted")
    transferred = {f"{way}{end}" for way in ways for end in ("", ":normalised")}
    assert set(told["conditions"]) == {*CONDITIONS, "noise", "noise_normalised", "annotators", *transferred}
    assert list(told["conditions"])[:2] == ["unheard_speaker", "noise"]
    for name, found in told["conditions"].items():
        assert found["uar"] > 0.9 or name == "annotators"
    assert told["conditions"]["unheard_speaker"]["n"] == 48
    assert told["conditions"]["random_split_4"]["n"] == 5 * 12
    assert told["conditions"]["across:planted->other"]["classes"] == ["happy", "disgust"]
    variants = {"normalised", "random_split_4"}
    assert variants == {name for name, found in told["peers"]["x"].items() if isinstance(found, dict) and "n" in found}
    assert told["peers"]["tutorial"].keys() >= {*variants, "telephone", "telephone_unnormalised"}
    assert told["peers"]["x"]["uar"] > 0.9
    assert benchmark.facts()["left_out"] == {}


def test_tutorial_features_are_the_tutorials(tmp_path: Path) -> None:
    benchmark = CorpusBenchmark(settings(FOUR), ["telephone_unnormalised"], [0], (), {})
    ran(benchmark, tmp_path)
    own, tutorial = benchmark._source.asked  # type: ignore[attr-defined]
    assert own == (["telephone", "line-1", "line-2", "line-3", "line-4"], {"features": {"sample_rate_hz": 8000}})
    assert tutorial[0] == ["as_recorded", "telephone"]
    assert tutorial[1]["segments"] == {"mode": "whole"}
    assert (
        tutorial[1]["features"].items() >= {"set": "paper-180", "sample_rate_hz": 8000, "mel_scale": "slaney"}.items()
    )


@pytest.mark.slow
def test_no_tested_speaker_is_in_any_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[tuple[set[str], set[str]]] = []
    tested: list[set[str]] = []

    def watched(data: LabelledFeatures, classes: Sequence[str], training: TrainingSettings) -> FittedModel:
        fits.append((set(data.speaker.tolist()), set(data.condition.tolist())))
        return fit_model(data, classes, training)

    def run_task(task: Any, splits: Any, settings_of: Any, jobs: int) -> pa.Table:
        table = fold_predictions.run_task(task, splits, settings_of, jobs, watched)
        if task.by_speaker:
            tested.extend({row["speaker"] for row in table.to_pylist() if row["fold"] == fold} for fold in splits)
        return table

    monkeypatch.setattr(corpus_benchmark, "run_task", run_task)
    names = [name for name, condition in CONDITIONS.items() if condition.by_speaker]
    ran(CorpusBenchmark(settings(FOUR), names, None, (), {}), tmp_path)
    assert len(fits) == len(tested) == 3 * 8 + 2 * 2  # eight lines of three folds, two languages under two conditions
    for (trained, conditions), speakers in zip(fits, tested, strict=True):
        assert speakers and trained and not trained & speakers
        assert "noise" not in conditions


def test_a_search_is_taken_up_by_the_fold_it_is_of(tmp_path: Path) -> None:
    name = "unheard_speaker_normalised"
    benchmark = CorpusBenchmark(settings(FOUR), [name], [0, 1], (), {})
    ran(benchmark, tmp_path)
    assert benchmark.facts()["searched"] == {name: {0: {}, 1: {}}}
    for fold, alpha in ((0, 7.0), (1, 8.0)):  # both of fold 0's test speakers: the second is not for fold 1
        write_searched(search_path("planted", name, fold), FOLDS[0], {"alpha": alpha}, [])
    ran(benchmark, tmp_path)
    assert benchmark.facts()["searched"] == {name: {0: {"alpha": 7.0}, 1: {}}}
    looks = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    first, second, third, fourth = (one["settings"] for one in looks if one["condition"] == name)
    assert first != third
    assert second == fourth


def test_what_a_corpus_cannot_do_is_left_out_unless_it_was_asked_for(tmp_path: Path) -> None:
    other = settings("other sad calm")
    benchmark = CorpusBenchmark(settings("planted happy sad angry"), None, [0], [other], {})
    told = ran(benchmark, tmp_path)
    assert "random_split_4" not in told["conditions"]
    assert "planted and other share 1 classes" in benchmark.facts()["left_out"]["across:planted->other"]
    assert "tutorial-4" in benchmark.facts()["left_out"]["random_split_4"]
    with pytest.raises(TrainingError, match="tutorial-4"):
        ran(CorpusBenchmark(settings("planted happy sad angry"), ["random_split_4"], [0], (), {}), tmp_path)


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no fold \[3\]: the corpus has the folds 0 to 2"):
        CorpusBenchmark(settings(FOUR), None, [3], (), {})
    with pytest.raises(SettingsError, match="called planted, planted"):
        CorpusBenchmark(settings(FOUR), None, None, (settings(FOUR),), {})
    with pytest.raises(SettingsError, match="cannot be read as Parquet"):
        CorpusBenchmark(settings(FOUR), None, None, (), {"x": tmp_path / "none.parquet"})
