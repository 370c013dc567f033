"""Folds, predictions and figures on planted data; strangers stay strangers."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from ser_core.config import load_settings
from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.learning.evaluation.annotators import annotator_decisions
from ser_core.learning.evaluation.bootstrap import bootstrap_interval, sums_by_group
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, recipe, tutorial_recipe
from ser_core.learning.evaluation.corpus_metrics import summarise_corpus
from ser_core.learning.evaluation.fold_predictions import PREDICTIONS, Task, check_disjoint, run_task
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.metrics import accuracy, unweighted_average_recall
from ser_core.learning.training.splits import Split, speaker_folds
from ser_core.report.corpus_report import corpus_markdown, corpus_pictures, corpus_table

CLASSES = ("neutral", "happy", "angry")
SMALL = {
    "members": 2,
    "calibration_members": 1,
    "feature_share": 1.0,
    "speaker_directions": 0,
    "hidden_layers": (8,),
    "max_iter": 40,
    "batch_size": 16,
    "learning_rate": 0.01,
}


def planted(speakers: int = 6, each: int = 12, seed: int = 0) -> LabelledFeatures:
    """Emotions apart in two features, as recorded and in a noisy copy."""
    rng = np.random.default_rng(seed)
    emotion = np.tile(np.array(CLASSES), speakers * each // 3)
    speaker = np.repeat([f"s{i}" for i in range(speakers)], each)
    middle = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])[[CLASSES.index(one) for one in emotion]]
    X = middle + 0.5 * rng.standard_normal((len(emotion), 2))
    both = np.concatenate([X, X + 0.2 * rng.standard_normal(X.shape)]).astype(np.float32)
    names = np.array([f"r{i:03d}" for i in range(len(emotion))])
    condition = np.repeat(["as_recorded", "varied-1"], len(emotion))
    two = [np.tile(column, 2) for column in (emotion, speaker, names)]
    same = [np.full(len(both), name) for name in ("en", "planted")]
    return LabelledFeatures(both, *two, np.ones(len(both)), condition, *same)


def task(data: LabelledFeatures, name: str = "unheard_speaker") -> Task:
    clips = {one: f"{one}.wav" for one in data.recording_id.tolist()}
    return Task({name: "as_recorded"}, data, CLASSES, ("as_recorded", "varied-1"), False, True, clips)


def settings() -> TrainingSettings:
    return recipe(load_settings(environ={}).training, False).model_copy(update=SMALL)


def run(data: LabelledFeatures, jobs: int = 1) -> pa.Table:
    folds = dict(enumerate(speaker_folds(data.speaker, None, 3, 0)))
    return run_task(task(data), folds, lambda _: settings(), jobs)


def test_every_recording_is_predicted_once_by_a_model_not_trained_on_its_speaker() -> None:
    data = planted()
    heard: list[set[str]] = []

    def fit(train: LabelledFeatures, classes: tuple[str, ...], _: TrainingSettings) -> object:
        heard.append(set(train.speaker.tolist()))
        assert set(train.condition.tolist()) == {"as_recorded", "varied-1"}

        class Even:
            def __init__(self) -> None:
                self.classes = classes

            def posteriors(self, X: np.ndarray, _: np.ndarray) -> np.ndarray:
                return np.full((len(X), len(classes)), 1 / len(classes), np.float32)

        return Even()

    splits = dict(enumerate(speaker_folds(data.speaker, None, 3, 0)))
    result = run_task(task(data), splits, lambda _: settings(), 1, fit)
    assert result.schema == PREDICTIONS
    assert sorted(result["clip"].to_pylist()) == sorted({f"{one}.wav" for one in data.recording_id.tolist()})
    for row in result.to_pylist():
        assert row["speaker"] not in heard[row["fold"]]


def test_a_test_speaker_or_recording_in_training_is_refused() -> None:
    data = planted()
    leaking = Split(np.arange(len(data)), np.arange(3))
    with pytest.raises(TrainingError, match="unheard_speaker, fold 0: the recordings r000, r001, r002 are"):
        run_task(task(data), {0: leaking}, lambda _: settings(), 1)
    same_speakers = Split(np.arange(0, 72, 2), np.arange(1, 72, 2))
    with pytest.raises(TrainingError, match="the speakers s0, s1, s2, s3, s4 are in the train and the test part"):
        run_task(task(data), {0: same_speakers}, lambda _: settings(), 1)
    check_disjoint(data, same_speakers, "random", by_speaker=False)
    copies = Split(np.flatnonzero(data.condition == "varied-1"), np.flatnonzero(data.condition == "as_recorded"))
    with pytest.raises(TrainingError, match="are in the train and the test part"):
        check_disjoint(data, copies, "fold 0", by_speaker=False)


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing() -> None:
    assert run(planted()).equals(run(planted(), jobs=2))


def test_planted_emotions_are_predicted() -> None:
    result = summarise_corpus(run(planted()))["conditions"]["unheard_speaker"]
    assert result["uar"] > 0.9
    assert result["ci95"][0] <= result["uar"] <= result["ci95"][1]
    assert (result["n"], len(result["uar_by_fold"])) == (72, 3)


def predictions(rows: list[tuple[str, str, str, float]], condition: str = "unheard_speaker") -> pa.Table:
    """(speaker, truth, emotion, posterior of the emotion), a fold a speaker; two classes."""
    names = sorted({speaker for speaker, *_ in rows})
    made = []
    for number, (speaker, truth, emotion, p) in enumerate(rows):
        other = "angry" if emotion == "happy" else "happy"
        posteriors = {f"p_{emotion}": p, f"p_{other}": 1 - p}
        shared = {"condition": condition, "fold": names.index(speaker), "clip": str(number), "speaker": speaker}
        made.append({**shared, "truth": truth, "emotion": emotion, **posteriors})
    return pa.Table.from_pylist(made, schema=PREDICTIONS)


def test_metrics_by_hand(tmp_path: Path) -> None:
    rows = [("a", "happy", "happy", 0.9), ("a", "happy", "happy", 0.9), ("a", "angry", "angry", 0.9)]
    rows += [("b", "happy", "angry", 0.6), ("b", "angry", "angry", 0.6)]
    table = pa.concat_tables(
        [predictions(rows), predictions(rows, "peer:other"), predictions(rows, "peer:other:normalised")]
    )
    pq.write_table(table, tmp_path / "p.parquet")
    summary = summarise_corpus(pq.read_table(tmp_path / "p.parquet"))
    result = summary["conditions"]["unheard_speaker"]
    assert result["uar"] == pytest.approx((2 / 3 + 1) / 2)
    assert result["accuracy"] == pytest.approx(0.8)
    assert result["uar_by_fold"] == pytest.approx([1.0, 0.5])
    assert result["fold_sd"] == pytest.approx(np.std([1.0, 0.5], ddof=1))
    # 3 decisions at 0.9, all right; 2 at 0.6, one of them right
    assert summary["ece"] == result["ece"] == pytest.approx((3 * 0.1 + 2 * 0.1) / 5)
    assert result["confusion"] == [[2, 1], [0, 2]]
    assert summary["peers"]["other"]["uar"] == summary["peers"]["other"]["normalised"]["uar"] == result["uar"]


def test_the_interval_is_of_speakers_not_of_clips() -> None:
    # Two speakers, one always right and one always wrong: a bootstrap over speakers reaches from 0 to 1.
    truth = np.zeros(200, dtype=np.intp)
    decision = np.repeat([0, 1], 100).astype(np.intp)
    speaker = np.repeat(["a", "b"], 100)
    mixed = np.tile([0, 1], 100).astype(np.intp)
    for predicted, metric, expected in (
        (decision, unweighted_average_recall, [0.0, 1.0]),
        (mixed, accuracy, [0.5, 0.5]),
    ):
        sums = sums_by_group(speaker, truth, np.column_stack([np.ones(200), predicted == truth]), 2)
        ends = bootstrap_interval(sums, lambda drawn, metric=metric: metric(drawn[:, 1], drawn[:, 0]))
        assert ends is not None
        assert ends.tolist() == expected


def test_one_speaker_has_no_interval() -> None:
    result = summarise_corpus(predictions([("a", "happy", "happy", 0.9), ("a", "angry", "happy", 0.9)]))
    figures = result["conditions"]["unheard_speaker"]
    assert (figures["ci95"], figures["fold_sd"], figures["uar"]) == (None, None, 0.5)


def test_the_interval_of_a_random_split_is_of_the_accuracy() -> None:
    rows = [("a", "happy", "happy", 0.9)] * 8 + [("a", "angry", "happy", 0.9)] * 2
    rows += [("b", "happy", "happy", 0.9)] * 8 + [("b", "angry", "happy", 0.9)] * 2
    summary = summarise_corpus(pa.concat_tables(predictions(rows, name) for name in ("random_split_4", "telephone")))
    random, other = summary["conditions"]["random_split_4"], summary["conditions"]["telephone"]
    assert (random["uar"], random["accuracy"]) == (0.5, 0.8)
    assert (random["ci95"], other["ci95"]) == ([0.8, 0.8], [0.5, 0.5])
    assert "speakers leak" in random["known"]


def test_annotators_are_judged_by_the_majority_of_the_others() -> None:
    heard = {
        "one.wav": {"x": "happy", "y": "happy", "z": "angry"},
        "two.wav": {"x": "happy", "y": "angry"},  # no two others
        "three.wav": {"v": "sad", "w": "sad", "x": "happy", "y": "happy", "z": "angry"},  # z's others are of two minds
    }
    table = annotator_decisions(heard)
    result = [(row["clip"], row["speaker"], row["truth"], row["emotion"]) for row in table.to_pylist()]
    assert result == [
        ("one.wav", "z", "happy", "angry"),
        ("three.wav", "v", "happy", "sad"),
        ("three.wav", "w", "happy", "sad"),
        ("three.wav", "x", "sad", "happy"),
        ("three.wav", "y", "sad", "happy"),
    ]
    assert summarise_corpus(table)["conditions"]["annotators"]["ece"] is None


def test_the_report_holds_every_line_and_a_picture_a_condition() -> None:
    peer = [predictions([("a", "happy", "happy", 0.9)], name) for name in ("peer:x", "peer:x:telephone")]
    summary = {**summarise_corpus(pa.concat_tables([run(planted()), *peer])), "left_out": {"noise": "why not"}}
    pictures = corpus_pictures(summary)
    assert set(pictures) == {"confusion_unheard_speaker.png", "reliability_unheard_speaker.png"}
    assert all(data.startswith(b"\x89PNG") for data in pictures.values())
    text = corpus_markdown(summary, pictures)
    for expected in (
        "| unheard_speaker | ",
        "| peer x | 1.000 | – |",
        "| peer x, telephone | 1.000 |",
        "noise is left out: why not",
        "](confusion_unheard_speaker.png)",
    ):
        assert expected in text
    console = Console(width=160, record=True, file=StringIO())
    console.print(corpus_table(summary))
    assert "peer x, telephone" in console.export_text()


def test_recipes_keep_what_is_not_theirs() -> None:
    training = load_settings(environ={}).training.model_copy(update={"seed": 7, "label_scheme": "tutorial-4"})
    for one in (recipe(training, True), recipe(training, False), tutorial_recipe(training, False)):
        assert (one.seed, one.label_scheme) == (7, "tutorial-4")
    assert recipe(training, False).speaker_normalisation.strength_mean == 0
    assert tutorial_recipe(training, True).members == 1
    assert [one.tested.name for one in CONDITIONS.values()].count("telephone") == 2
