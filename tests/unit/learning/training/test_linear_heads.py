from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from ser_core.emotions import EMOTIONS
from ser_core.learning.training.linear_heads import PENALTY, affect_targets, fit_heads

CLASSES = ("neutral", "happy", "sad", "angry")


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 800)
    return np.clip(rng.normal(0, 1, (4, 6))[y] + rng.normal(0, 1, (800, 6)), -4, 4).astype(np.float32), y


def test_the_map_is_ridge_regression(planted: tuple[np.ndarray, np.ndarray]) -> None:
    Z, y = planted
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    weight /= weight.mean()
    heads = fit_heads(Z, y, CLASSES, weight)
    reference = Ridge(alpha=PENALTY * Z.size).fit(Z.astype(np.float64), np.eye(4)[y], sample_weight=weight)
    np.testing.assert_allclose(heads(Z)[:, :4], reference.predict(Z), atol=1e-4)


def test_high_arousal_and_negative_valence_by_name() -> None:
    high, negative = affect_targets(EMOTIONS, np.arange(len(EMOTIONS))).T
    named = dict(zip(EMOTIONS, high.tolist(), strict=True))
    assert {name for name, value in named.items() if value == 1} == {"angry", "happy", "fearful", "surprised"}
    assert np.isnan(named["distressed"])  # fear and sadness in one name
    assert {name for name, value in zip(EMOTIONS, negative.tolist(), strict=True) if value} == {
        "sad",
        "angry",
        "fearful",
        "disgust",
        "bored",
        "distressed",
    }


def test_rows_of_no_clear_arousal_teach_none() -> None:
    rng = np.random.default_rng(0)
    Z, y = rng.normal(0, 1, (300, 3)).astype(np.float32), np.repeat([0, 1, 2], 100)
    Z[y == 1] += [3, 0, 0]
    Z[y == 2] += [0, 3, 0]  # of no clear arousal, and apart from the others
    weights = fit_heads(Z, y, ("neutral", "angry", "distressed"), np.ones(300)).weights[:, 3]
    assert weights[0] > 5 * abs(weights[1])


def test_half_is_between_high_and_low_however_frequent(planted: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(2)
    y = np.repeat([0, 3], [100, 900])
    Z = np.where(y == 3, 1.0, -1.0)[:, np.newaxis] + rng.normal(0, 0.5, (1000, 1))
    from ser_core.learning.training.corpus_balance import row_weights

    weight = row_weights(np.full(1000, "one"), y, {"one": 1.0}, balance_classes=True)
    heads = fit_heads(Z.astype(np.float32), y, CLASSES, weight)
    assert abs(float(heads.affect(np.zeros((1, 1), np.float32), np.ones(1, np.float32))[0, 0]) - 0.5) < 0.05


def test_slopes_are_calibrated_on_what_was_left_out() -> None:
    rng = np.random.default_rng(3)
    scores = (0.5 + rng.normal(0, 0.3, (4000, 2))).astype(np.float32)
    truth = (rng.random((4000, 2)) < 1 / (1 + np.exp(-5.0 * (scores - 0.5)))).astype(float)
    plain = fit_heads(np.zeros((4, 1), np.float32), np.arange(4), CLASSES, np.ones(4))
    np.testing.assert_allclose(plain.calibrated(scores, truth, np.ones(4000)).slopes, 5, rtol=0.1)
    one_sided = plain.calibrated(scores, np.ones((4000, 2)), np.ones(4000))
    np.testing.assert_array_equal(one_sided.slopes, plain.slopes)
