from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from ser_core.learning.training.metrics import (
    accuracy,
    expected_calibration_error,
    measure,
    population_stability_index,
    recall,
    reliability_bins,
    unweighted_average_recall,
)

CLASSES = ("neutral", "sad", "angry")


def decided(*places: int) -> np.ndarray:
    return np.eye(3)[list(places)]


def test_uar_is_the_mean_of_the_recalls() -> None:
    metrics = measure(np.array([0, 0, 0, 0, 1]), decided(0, 0, 0, 1, 2), CLASSES)
    assert metrics.recall == {"neutral": 0.75, "sad": 0.0, "angry": None}
    assert metrics.uar == pytest.approx(0.375)  # of the classes that occur
    assert metrics.accuracy == pytest.approx(0.6)
    assert metrics.confusion == ((3, 1, 0), (0, 0, 1), (0, 0, 0))
    assert json.loads(json.dumps(metrics.to_json(), allow_nan=False))["recall"]["angry"] is None


def test_calibration_by_hand() -> None:
    posteriors = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    metrics = measure(np.array([0, 1, 0, 0]), posteriors, CLASSES)
    assert metrics.ece == pytest.approx(0.5 * abs(0.5 - 0.9) + 0.5 * abs(1.0 - 0.5))
    assert [bin_.decisions for bin_ in metrics.reliability] == [2, 2]


def test_right_and_sure_is_calibrated() -> None:
    assert measure(np.array([0, 1, 2]), decided(0, 1, 2), CLASSES).ece == 0
    assert measure(np.array([1, 2, 0]), decided(0, 1, 2), CLASSES).ece == 1


def test_bins_are_open_below_and_closed_above() -> None:
    (low, high) = reliability_bins(np.array([1 / 15, 1.0]), np.array([True, False]))
    assert (low.low, low.high, low.decisions, low.accuracy) == (0, 1 / 15, 1, 1)
    assert (high.low, high.high, high.decisions, high.accuracy) == (14 / 15, 1, 1, 0)


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        measure(np.array([0]), decided(0, 1), CLASSES)
    with pytest.raises(ValueError, match="do not fit"):
        measure(np.array([], dtype=np.intp), decided(), CLASSES)


def test_recall_and_uar_of_a_batch_leave_out_classes_without_support() -> None:
    right, support = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(recall(right, support), [[0.5, 1.0, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(unweighted_average_recall(right, support), [0.75, np.nan])
    np.testing.assert_array_equal(accuracy(right, support), [0.75, np.nan])


def test_uar_is_the_balanced_accuracy_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, decision = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    uar = measure(truth, np.eye(5)[decision], tuple("abcde")).uar
    assert uar == pytest.approx(balanced_accuracy_score(truth, decision))


def test_stability_index_and_calibration_error_by_hand() -> None:
    before, now = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    expected = 0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    assert population_stability_index(before, now) == pytest.approx(expected)
    assert expected_calibration_error([0.9, 0.6], [1.0, 0.5], [3, 2]) == pytest.approx(0.1)
    assert math.isnan(expected_calibration_error([], [], []))
