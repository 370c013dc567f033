from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
import pytest

from ser_core.config.settings import TrainingSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.training.cross_validation import SPEAKER_INDEPENDENT, SPEAKER_NORMALISED, decide, evaluate
from ser_core.learning.training.evaluation_text import render
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures
from ser_core.learning.training.speaker_normalisation import Speakers

CLASSES = ("neutral", "happy", "sad", "angry")


class Tabled:
    """Posteriors are the first columns of the vector."""

    classes = CLASSES

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        return X[:, :4]


def test_planted_answers_come_back(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    result = evaluate(planted, CLASSES, quick, None)
    assert result.speaker_independent.metrics.uar > 0.95
    assert result.random_split.metrics.uar > 0.95
    assert result.speaker_independent.metrics.decisions == 96  # every recording once
    assert result.random_split.metrics.decisions == 24


def test_shuffled_labels_fall_to_chance(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    by_recording = np.random.default_rng(2).permutation(planted.emotion[::2])
    shuffled = dataclasses.replace(planted, emotion=np.repeat(by_recording, 2))
    result = evaluate(shuffled, CLASSES, quick, None)
    assert 0.1 < result.speaker_independent.metrics.uar < 0.4  # chance is 0.25, its deviation here about 0.045
    assert any("below training.warn_accuracy_below" in sentence for sentence in result.warnings)


def test_a_speaker_in_the_features_helps_the_random_split_only(quick: TrainingSettings) -> None:
    """Each speaker has an emotion of their own: who recognises the speaker knows it, a stranger's cannot be known."""
    rng = np.random.default_rng(3)
    speaker = np.repeat(np.arange(12), 16)
    centres = rng.normal(0, 4, (12, 8))
    data = LabelledFeatures(
        (centres[speaker] + rng.normal(0, 1, (192, 8))).astype(np.float32),
        np.array(CLASSES)[speaker % 4],
        np.char.add("speaker-", speaker.astype(str)),
        np.arange(192).astype(str),
        np.ones(192),
        np.full(192, AS_RECORDED),
        np.full(192, "en"),
        np.full(192, "planted"),
    )
    result = evaluate(data, CLASSES, quick, None)
    assert result.random_split.metrics.accuracy > 0.95
    assert result.speaker_independent.metrics.accuracy < 0.6


def test_published_folds_are_used_only_where_asked_for(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    published = (("speaker-0", "speaker-1", "speaker-2"), tuple(f"speaker-{i}" for i in range(3, 8)))
    by_corpus = evaluate(planted, CLASSES, quick, published, lambda *_: Tabled())
    assert by_corpus.speaker_independent.test_speakers == published
    grouped = evaluate(planted, CLASSES, quick.model_copy(update={"folds": "group"}), published, lambda *_: Tabled())
    assert len(grouped.speaker_independent.test_speakers) == quick.group_folds


def test_no_test_speaker_is_trained_on(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    trained: list[set[str]] = []

    def spy(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> Tabled:
        trained.append(set(data.speaker.tolist()))
        return Tabled()

    result = evaluate(planted, CLASSES, quick, None, spy)
    for speakers, tested in zip(trained[1:], result.speaker_independent.test_speakers, strict=True):
        assert not speakers & set(tested)


def test_voices_are_single_recordings_or_whole_speakers(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    voices: list[set[str]] = []

    class Listening(Tabled):
        def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
            voices.append(set(speaker.tolist()))
            return X[:, :4]

    evaluate(planted, CLASSES, quick, None, lambda *_: Listening())
    by_chance, *by_fold = voices
    assert by_chance <= set(planted.recording_id.tolist())
    half = len(by_fold) // 2
    alone, together = set().union(*by_fold[:half]), set().union(*by_fold[half:])
    assert alone == set(planted.recording_id.tolist())
    assert together == set(planted.speaker.tolist())


def test_copies_are_trained_on_and_never_tested_on(copied: LabelledFeatures, quick: TrainingSettings) -> None:
    trained: list[LabelledFeatures] = []
    tested: list[int] = []

    class Counting(Tabled):
        def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
            tested.append(len(X))
            return X[:, :4]

    def spy(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> Counting:
        trained.append(data)
        return Counting()

    result = evaluate(copied, CLASSES, quick, None, spy)
    assert {name for data in trained for name in data.condition.tolist()} == set(copied.condition.tolist())
    by_chance, *by_speaker = trained
    recorded = copied.of_condition(AS_RECORDED)
    assert tested[0] == len(recorded) // 4 == len(recorded) - len(by_chance) // 4
    assert tested[1:] == [len(recorded) - len(data) // 4 for data in by_speaker] * 2
    assert result.speaker_independent.train_rows == tuple(len(data) for data in by_speaker)
    assert result.speaker_independent.metrics.decisions == 96


def test_importance_is_of_test_speakers(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    families = {"constant": [3], "informative": [0, 1, 2, 4, 5, 6, 7, 8, 9]}
    informative, constant = evaluate(planted, CLASSES, quick, None, families=families).importance
    assert (informative.family, constant.family) == ("informative", "constant")
    assert informative.uar_drop_mean > 0.5
    assert constant.uar_drop_mean == 0
    assert evaluate(planted, CLASSES, quick, None).importance == ()


def test_what_moves_a_speaker_is_taken_out_where_the_speaker_is_known(quick: TrainingSettings) -> None:
    """The emotion is a step of 2 upon an offset of the speaker's of deviation 20: only by speaker can it be seen."""
    rng = np.random.default_rng(5)
    speaker, emotion = np.repeat(np.arange(10), 40), np.tile(np.arange(4), 100)
    X = 2.0 * np.eye(4)[emotion] + rng.normal(0, 20, (10, 4))[speaker] + rng.normal(0, 0.3, (400, 4))
    data = LabelledFeatures(
        X.astype(np.float32),
        np.array(CLASSES)[emotion],
        np.char.add("speaker-", speaker.astype(str)),
        np.arange(400).astype(str),
        np.ones(400),
        np.full(400, AS_RECORDED),
        np.full(400, "en"),
        np.full(400, "planted"),
    )
    strong = {"strength_mean": 1.0, "strength_deviation": 1.0, "prior_segments": 0.1}
    changed = quick.speaker_normalisation.model_copy(update=strong)
    result = evaluate(data, CLASSES, quick.model_copy(update={"speaker_normalisation": changed}), None)
    assert result.speaker_normalised.metrics.uar > 0.95
    assert result.speaker_independent.metrics.uar < 0.6


def test_segments_are_averaged_to_a_recording() -> None:
    X = np.array([[0.6, 0.4, 0, 0], [0.0, 1.0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]], np.float32)
    emotion = np.array(["happy", "happy", "neutral", "sad"])
    names = (np.array(["s"] * 4), np.array(["b", "b", "a", "b"]))
    same = [np.full(4, name) for name in (AS_RECORDED, "en", "planted")]
    data = LabelledFeatures(X, emotion, *names, np.ones(4), *same)
    truth, posteriors = decide(data, Tabled(), data.recording_id)
    actual = {CLASSES[t]: row.tolist() for t, row in zip(truth, posteriors, strict=True)}
    assert actual["happy"] == pytest.approx([0.3, 0.7, 0, 0])
    assert actual["neutral"] == pytest.approx([1, 0, 0, 0])
    assert actual["sad"] == pytest.approx([0, 0, 1, 0])  # another label of the same recording is another decision


def test_perfection_is_doubted(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    X = planted.X.copy()
    X[:, :4] = [[name == other for other in CLASSES] for name in planted.emotion]
    result = evaluate(dataclasses.replace(planted, X=X), CLASSES, quick, None, lambda *_: Tabled())
    assert len(result.warnings) == 3
    assert all("implausible" in sentence for sentence in result.warnings)


def test_the_gate_reads_speaker_independent_accuracy(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    result = evaluate(planted, CLASSES, quick, None)
    accuracy = result.speaker_independent.metrics.accuracy
    for gate, warned in ((accuracy, False), (min(1.0, accuracy + 1e-9), accuracy < 1.0)):
        again = evaluate(planted, CLASSES, quick.model_copy(update={"warn_accuracy_below": gate}), None)
        assert any("below" in sentence for sentence in again.warnings) == warned


def test_what_is_written(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    result = evaluate(planted, CLASSES, quick, None)
    written = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert written["speaker_independent"]["name"] == SPEAKER_INDEPENDENT
    assert written["speaker_independent"]["metrics"]["uar"] == result.speaker_independent.metrics.uar
    text = render(result)
    assert "random split 75/25 (optimistic: speakers leak) | speaker-independent folds |" in text
    assert "the same, normalised by speaker (transductive)" in text
    shown = (result.random_split, result.speaker_independent, result.speaker_normalised)
    assert f"| {' | '.join(f'{one.metrics.uar:.3f}' for one in shown)} |" in text
    assert written["speaker_normalised"]["name"] == SPEAKER_NORMALISED
    assert all(f"\n| {name} | " in text for name in CLASSES)
    assert "Chance is a UAR of 0.250" in text
