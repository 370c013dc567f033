from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.settings import TrainingSettings
from ser_core.learning.training.classifier import fit_classifier
from ser_core.learning.training.fitted_model import FittedModel
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.metrics import measure
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.population import Population
from ser_core.learning.training.speaker_normalisation import fit_normaliser
from ser_core.learning.training.voice_groups import whole_voices

CLASSES = ("neutral", "happy", "sad", "angry")
CENTRES = np.random.default_rng(9).normal(0, 1.0, (4, 12))


def corpus(name: str, seed: int, speakers: int = 8, each: int = 12, only: int | None = None) -> LabelledFeatures:
    """Emotions are the same steps everywhere; a corpus has an offset of its own, and so has a voice."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.repeat(np.arange(4), each), speakers) if only is None else np.full(speakers * 4 * each, only)
    speaker = np.repeat([f"{name}-{i}" for i in range(speakers)], 4 * each)
    voice = rng.normal(0, 0.5, (speakers, 12)).repeat(4 * each, axis=0)
    X = rng.normal(0, 1, 12) + CENTRES[y] + voice + rng.normal(0, 1.2, (len(y), 12))
    n = len(y)
    return LabelledFeatures(
        X.astype(np.float32),
        np.array(CLASSES)[y],
        speaker,
        np.array([f"{name}-{i}" for i in range(n)]),
        np.ones(n),
        np.full(n, "as_recorded"),
        np.full(n, "en"),
        np.full(n, name),
    )


@pytest.fixture(scope="module")
def recipe() -> TrainingSettings:
    training = load_settings([], environ={}).training
    several = training.several_corpora.model_copy(update={"max_iter": 30, "alpha": 0.1, "members_left_out": 2})
    changed = {"members": 2, "calibration_members": 1, "feature_share": 1.0, "hidden_layers": (16,), "batch_size": 32}
    return training.model_copy(update={**changed, "several_corpora": several})


@pytest.fixture(scope="module")
def model(recipe: TrainingSettings) -> FittedModel:
    return fit_model(LabelledFeatures.joined([corpus(f"c{i}", i) for i in range(3)]), CLASSES, recipe)


def right(posteriors: np.ndarray, data: LabelledFeatures) -> float:
    return float(np.mean(np.array(CLASSES)[posteriors.argmax(axis=1)] == data.emotion))


def test_an_archive_of_its_own_is_heard_from_its_own_population(model: FittedModel) -> None:
    stranger = corpus("stranger", 77)
    own = Population.of(stranger.X, stranger.recording_id)
    raw, archive, normalised = (
        model.scores(stranger.X, speaker, population)
        for speaker, population in ((None, None), (None, own), (stranger.speaker, own))
    )
    assert right(archive.posteriors, stranger) > right(raw.posteriors, stranger) + 0.05
    assert right(normalised.posteriors, stranger) > right(archive.posteriors, stranger)
    high = np.isin(stranger.emotion, ["happy", "angry"])
    assert np.mean((normalised.arousal_high > 0.5) == high) > 0.85


def test_scores_are_probabilities(model: FittedModel) -> None:
    far = np.concatenate([corpus("far", 5).X * 100, np.zeros((3, 12), np.float32)])
    for speaker in (None, np.arange(len(far)) // 7):
        scores = model.scores(far, speaker, None)
        np.testing.assert_allclose(scores.posteriors.sum(axis=1), 1, atol=1e-5)
        for column in (scores.arousal_high, scores.valence_negative, scores.familiarity):
            assert column.shape == (len(far),)
            assert column.dtype == np.float32
            assert np.isfinite(column).all()
            assert ((column >= 0) & (column <= 1)).all()
    assert model.scores(far[:0], None, None).posteriors.shape == (0, 4)
    with pytest.raises(ValueError, match="expected \\(n, 12\\)"):
        model.scores(far[:, :5], None, None)
    with pytest.raises(ValueError, match="not finite"):
        model.scores(far * np.float32(np.nan), None, None)


def test_a_constant_shift_of_an_archive_changes_no_decision(model: FittedModel) -> None:
    stranger = corpus("stranger", 78)
    moved = stranger.X + np.float32(30) * np.sign(CENTRES[0]).astype(np.float32)
    before, after = (
        model.scores(X, stranger.speaker, Population.of(X, stranger.recording_id)) for X in (stranger.X, moved)
    )
    np.testing.assert_array_equal(before.posteriors.argmax(axis=1), after.posteriors.argmax(axis=1))
    np.testing.assert_array_equal(before.arousal_high > 0.5, after.arousal_high > 0.5)
    assert after.familiarity.mean() < 0.5  # what is far from training is less sure
    assert after.posteriors.max(axis=1).mean() < before.posteriors.max(axis=1).mean() - 0.03


def test_who_is_always_angry_stays_angry(model: FittedModel) -> None:
    crowd, angry = corpus("line", 79), corpus("line", 79, only=3)
    own = Population.of(crowd.X, crowd.recording_id)
    blind = dataclasses.replace(model, normaliser=dataclasses.replace(model.normaliser, anchor=0.0))
    anchored = model.scores(angry.X, angry.speaker, own).posteriors
    assert right(anchored, angry) > 0.5
    assert right(anchored, angry) > right(blind.scores(angry.X, angry.speaker, own).posteriors, angry) + 0.05


def test_it_is_as_sure_of_strangers_as_it_is_right(model: FittedModel) -> None:
    stranger = corpus("stranger", 80, speakers=20)
    own = Population.of(stranger.X, stranger.recording_id)
    truth = np.array([CLASSES.index(name) for name in stranger.emotion.tolist()])
    posteriors = model.scores(stranger.X, stranger.speaker, own).posteriors
    assert measure(truth, posteriors, CLASSES).ece <= 0.10
    sharp = dataclasses.replace(model, classifier=dataclasses.replace(model.classifier, temperature=0.2))
    assert measure(truth, sharp.scores(stranger.X, stranger.speaker, own).posteriors, CLASSES).ece > 0.10


def test_one_corpus_without_an_anchor_is_the_plain_classifier(
    copied: LabelledFeatures, voting: TrainingSettings
) -> None:
    """Measured from its own population, nothing changes but rounding."""
    base, voice = copied.condition == "as_recorded", whole_voices(copied)
    y = np.zeros((len(CLASSES), copied.X.shape[1]))
    normaliser = fit_normaliser(copied.X[base], voice[base], voting.speaker_normalisation, y)
    plain = fit_classifier(dataclasses.replace(copied, X=normaliser(copied.X, voice)), CLASSES, voting)
    expected = plain.predict_proba(normaliser(copied.X, voice))
    result = fit_model(copied, CLASSES, voting)
    familiar = result.familiar(copied.X, voice) == 1.0
    assert familiar.mean() > 0.5
    np.testing.assert_allclose(result.posteriors(copied.X, voice)[familiar], expected[familiar], atol=0.02)


def test_a_corpus_of_noise_weighs_little(recipe: TrainingSettings) -> None:
    clear, noise = corpus("clear", 1), corpus("noise", 2)
    rng = np.random.default_rng(0)
    noise = dataclasses.replace(noise, emotion=noise.emotion[rng.permutation(len(noise))])
    stranger = corpus("stranger", 81)
    own = Population.of(stranger.X, stranger.recording_id)
    both = LabelledFeatures.joined([clear, noise])
    trusted = fit_model(both, CLASSES, recipe, {"noise": 100.0}).scores(stranger.X, None, own).posteriors
    doubted = fit_model(both, CLASSES, recipe).scores(stranger.X, None, own).posteriors
    assert right(doubted, stranger) > right(trusted, stranger)
