from __future__ import annotations

import logging

import numpy as np
import pytest

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.training.classifier import fit_classifier
from ser_core.training.data import LabelledFeatures

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
    one, same = (fit_classifier(planted, CLASSES, quick).predict_proba(planted.X) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    other = fit_classifier(planted, CLASSES, quick.model_copy(update={"seed": 1})).predict_proba(planted.X)
    assert not np.array_equal(one, other)


def test_too_few_epochs_are_a_logged_fact(
    planted: LabelledFeatures, quick: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ser_core"):
        classifier = fit_classifier(planted, CLASSES, quick.model_copy(update={"max_iter": 2}))
    assert not classifier.converged
    assert "after training.max_iter 2 epochs" in caplog.text


def test_no_rows_no_posteriors(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    assert fit_classifier(planted, CLASSES, quick).predict_proba(planted.X[:0]).shape == (0, 4)


def test_one_class_is_refused(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match="All training rows are sad"):
        fit_classifier(planted.take(planted.emotion == "sad"), CLASSES, quick)
