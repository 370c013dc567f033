from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.learning.training.classifier import EnsembleClassifier, fit_classifier, mean_logs
from ser_core.learning.training.labelled_features import LabelledFeatures

CLASSES = ("neutral", "happy", "sad", "angry")


def test_posteriors_stand_in_the_order_of_the_scheme(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    for classes in (CLASSES, CLASSES[::-1]):
        posteriors = fit_classifier(planted, classes, quick).predict_proba(planted.X)
        assert posteriors.dtype == np.float32
        assert posteriors.sum(axis=1) == pytest.approx(1, abs=1e-5)
        decided = np.array(classes)[posteriors.argmax(axis=1)]
        assert np.mean(decided == planted.emotion) > 0.95


def test_a_class_without_rows_is_zero(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    classes = ("neutral", "bored", "happy", "sad", "angry")
    posteriors = fit_classifier(planted, classes, quick).predict_proba(planted.X)
    assert posteriors.shape == (len(planted), 5)
    assert not posteriors[:, 1].any()
    assert posteriors.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_feature_of_no_variance_does_no_harm(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    assert np.ptp(planted.X[:, 3]) == 0
    other = planted.X.copy()
    other[:, 3] = 8.0
    assert np.isfinite(fit_classifier(planted, CLASSES, quick).predict_proba(other)).all()


def test_the_same_seed_gives_the_same_model(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    ensemble, same = (fit_classifier(planted, CLASSES, quick).predict_proba(planted.X) for _ in range(2))
    np.testing.assert_array_equal(ensemble, same)
    other = fit_classifier(planted, CLASSES, quick.model_copy(update={"seed": 1})).predict_proba(planted.X)
    assert not np.array_equal(ensemble, other)


def test_too_few_epochs_are_a_logged_fact(
    planted: LabelledFeatures, quick: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "ser_core"):
        classifier = fit_classifier(planted, CLASSES, quick.model_copy(update={"max_iter": 2}))
    assert not classifier.converged
    assert "after training.max_iter 2 epochs" in caplog.text


def test_no_rows_no_posteriors(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    assert fit_classifier(planted, CLASSES, quick).predict_proba(planted.X[:0]).shape == (0, 4)


def test_one_class_is_refused(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match="All training rows are sad"):
        fit_classifier(planted.take(planted.emotion == "sad"), CLASSES, quick)


def test_leaving_speakers_out_gives_perceptrons_that_vote(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    classifier = fit_classifier(copied, CLASSES, voting)
    assert [len(ensemble.members) for ensemble in classifier.ensembles] == [
        3,
        1,
        1,
        1,
        1,
    ]  # 8 speakers: 4 groups of two
    alone = fit_classifier(copied, CLASSES, voting.model_copy(update={"calibration_members": 0}))
    assert [len(ensemble.members) for ensemble in alone.ensembles] == [3]
    assert alone.temperature == 1.0
    for left_out in classifier.ensembles[1:]:
        assert not np.array_equal(left_out.standardiser.mean, classifier.ensembles[0].standardiser.mean)
    logs = mean_logs(classifier.ensembles, copied.X) / classifier.temperature
    expected = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(copied.X), expected, atol=1e-5)


def test_the_temperature_is_fitted_on_held_out_speakers(voting: TrainingSettings) -> None:
    """The vector names the speaker, and each speaker has an emotion of their own: heard speakers are never mistaken,
    others always are as good as drawn. Calibrated on what was heard, the posteriors would be sure."""
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(24), 20)
    X = rng.normal(0, 4, (24, 12))[speaker] + rng.normal(0, 0.3, (480, 12))
    data = LabelledFeatures(
        X.astype(np.float32),
        np.array(CLASSES)[speaker % 4],
        np.char.add("speaker-", speaker.astype(str)),
        np.arange(480).astype(str),
        np.ones(480),
        np.full(480, "as_recorded"),
        np.full(480, ""),
        np.full(480, "planted"),
    )
    plain = voting.model_copy(update={"speaker_directions": 0, "max_iter": 60, "members": 1, "feature_share": 1.0})
    fitted = fit_classifier(data, CLASSES, plain)
    sure = dataclasses.replace(fitted, temperature=1.0)
    strangers = (rng.normal(0, 4, (200, 12))).astype(np.float32)
    assert fitted.temperature > 2
    assert (
        np.mean(fitted.predict_proba(strangers).max(axis=1)) < np.mean(sure.predict_proba(strangers).max(axis=1)) - 0.2
    )


def test_an_emotion_that_few_speakers_have_is_not_left_out(
    planted: LabelledFeatures, voting: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Perceptrons that never heard an emotion would vote against it."""
    one_has_it = planted.take((planted.emotion != "sad") | (planted.speaker == "speaker-3"))
    with caplog.at_level(logging.INFO, "ser_core"):
        classifier = fit_classifier(one_has_it, CLASSES, voting)
    assert len(classifier.ensembles) == 1 + 3
    assert {len(member.network.classes_) for member in classifier.members} == {4}
    assert "speaker-3" in caplog.text
    assert "are not left out for calibration" in caplog.text


def test_one_speaker_is_not_calibrated(planted: LabelledFeatures, voting: TrainingSettings) -> None:
    classifier = fit_classifier(planted.take(planted.speaker == "speaker-1"), CLASSES, voting)
    assert (len(classifier.members), classifier.temperature) == (3, 1.0)


def test_many_rows_are_as_few(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    classifier = fit_classifier(copied, CLASSES, voting)
    many = classifier.predict_proba(np.tile(copied.X, (3, 1)))
    np.testing.assert_allclose(many[-len(copied) :], classifier.predict_proba(copied.X), atol=1e-5)
    by_row = np.concatenate([classifier.predict_proba(row[np.newaxis]) for row in copied.X[:20]])
    np.testing.assert_allclose(by_row, many[:20], atol=1e-5)


def test_what_does_not_fit(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    classifier: EnsembleClassifier = fit_classifier(planted, CLASSES, quick)
    with pytest.raises(ValueError, match=r"expected \(n, 10\)"):
        classifier.predict_proba(planted.X[:, :9])
    bad = planted.X.copy()
    bad[3, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        classifier.predict_proba(bad)
