from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from ser_core.learning.evaluation.model_comparison import agreement, gains, matrix, shift


def test_kappa_of_a_known_table() -> None:
    """By hand: p_o = .29, p_e = .5 x .4 + .3 x .3 + .2 x .3 = .35."""
    seconds = np.array([[25.0, 13.0, 12.0], [12.0, 2.0, 16.0], [3.0, 15.0, 2.0]])
    chance = sum(seconds[i].sum() * seconds[:, i].sum() for i in range(3)) / 100**2
    assert (chance, agreement(seconds).share) == pytest.approx((0.35, 0.29))
    assert agreement(seconds).kappa == pytest.approx((0.29 - 0.35) / 0.65)


def test_kappa_weighs_by_duration_as_scikit_learn_weighs_samples() -> None:
    rng = np.random.default_rng(0)
    a, b, seconds = rng.integers(0, 4, 200), rng.integers(0, 4, 200), rng.uniform(0.5, 6, 200)
    table = np.zeros((4, 4))
    np.add.at(table, (a, b), seconds)
    assert agreement(table).kappa == pytest.approx(cohen_kappa_score(a, b, sample_weight=seconds))


def test_agreement_at_its_ends() -> None:
    assert agreement(np.diag([3.0, 5.0])).kappa == 1
    assert agreement(np.array([[0.0, 4.0], [4.0, 0.0]])).kappa == -1
    one_class = agreement(np.diag([3.0, 0.0]))
    assert (one_class.share, one_class.kappa) == (1, None)
    nothing = agreement(np.zeros((2, 2)))
    assert (nothing.decided_s, nothing.share, nothing.kappa) == (0, None, None)


def test_shift_has_the_shares_and_the_index_of_its_formula() -> None:
    result = shift(np.array([50.0, 50.0]), np.array([160.0, 40.0]))
    assert (result.a, result.b) == ((0.5, 0.5), (0.8, 0.2))
    assert result.psi == pytest.approx(0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5))
    assert shift(np.array([2.0, 6.0]), np.array([1.0, 3.0])).psi == 0


def test_a_class_that_is_gone_leaves_a_finite_index() -> None:
    result = shift(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    assert result.b == (1, 0)
    assert result.psi is not None
    assert 0.25 < result.psi < 10
    back = shift(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    assert back.psi == pytest.approx(result.psi)


def test_nothing_decided_has_no_shares() -> None:
    result = shift(np.zeros(2), np.array([1.0, 1.0]))
    assert (result.a, result.b, result.psi) == (None, (0.5, 0.5), None)


def planted(calls: int, right_b: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Ten pieces a call, of two classes; model a is right on half, model b on the share `right_b`."""
    rng = np.random.default_rng(seed)
    call = np.repeat(np.arange(calls), 10)
    right = np.column_stack([rng.random(10 * calls) < 0.5, rng.random(10 * calls) < right_b])
    return call, np.tile([0, 1], 5 * calls), rng.uniform(1, 3, 10 * calls), right


def test_recalls_are_of_speech_time() -> None:
    truth, seconds = np.array([0, 0, 1]), np.array([1.0, 3.0, 2.0])
    right = np.array([[True, False], [False, True], [True, True]])
    result = gains(np.array([7, 7, 9]), truth, seconds, right, 3)
    first, second, third = result.recall
    assert first is not None
    assert second is not None
    assert third is None
    assert (first.a, first.b, first.difference, first.speech_s) == (0.25, 0.75, 0.5, 4)
    assert (second.a, second.b, second.speech_s) == (1, 1, 2)
    assert (result.uar.a, result.uar.b, result.uar.speech_s, result.calls) == (0.625, 0.875, 6, 2)


def test_a_gain_is_distinguished_from_no_gain() -> None:
    """The same: sixty calls, and sixty more in which the models have changed places."""
    call, truth, seconds, right = planted(60, 0.9)
    better = gains(call, truth, seconds, right, 2)
    twice = (np.concatenate(pair) for pair in ((call, call + 60), (truth, truth), (seconds, seconds)))
    same = gains(*twice, np.concatenate([right, right[:, ::-1]]), 2)
    assert better.uar.ci95 is not None
    assert same.uar.ci95 is not None
    assert 0.3 < better.uar.ci95[0] < better.uar.difference < better.uar.ci95[1] < 0.6
    assert same.uar.difference == pytest.approx(0)
    assert -0.2 < same.uar.ci95[0] < 0 < same.uar.ci95[1] < 0.2
    assert gains(call, truth, seconds, right, 2) == better


def test_the_interval_is_as_wide_as_theory_has_it() -> None:
    """Equal pieces, one class, independent calls: the difference's deviation is known (1.96 of it on either side)."""
    rng = np.random.default_rng(3)
    calls = 400
    right = np.column_stack([rng.random(calls) < 0.5, rng.random(calls) < 0.8])
    result = gains(np.arange(calls), np.zeros(calls, int), np.ones(calls), right, 1).uar
    deviation = np.std(right[:, 1].astype(float) - right[:, 0]) / np.sqrt(calls)
    assert result.ci95 == pytest.approx(
        (result.difference - 1.96 * deviation, result.difference + 1.96 * deviation), abs=0.01
    )


def test_calls_are_drawn_whole() -> None:
    """The same speech as twenty calls, each all right or all wrong, says less than as two hundred."""
    rng = np.random.default_rng(5)
    by_call = rng.random((20, 2)) < [0.5, 0.7]
    right, truth, seconds = np.repeat(by_call, 10, axis=0), np.zeros(200, int), np.ones(200)
    wide, narrow = (gains(call, truth, seconds, right, 1).uar.ci95 for call in (np.arange(200) // 10, np.arange(200)))
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_a_class_of_one_call_does_not_spoil_the_others() -> None:
    """Resamples without that call have no recall of its class, and count for the rest."""
    call, truth, seconds, right = planted(10, 0.9)
    truth = np.where(call == 0, 2, truth)
    result = gains(call, truth, seconds, right, 3)
    for gain in (*result.recall, result.uar):
        assert gain is not None
        assert gain.ci95 is not None
        assert np.isfinite(gain.ci95).all()


def test_one_call_has_no_interval_and_none_cannot_be_compared() -> None:
    assert gains(*planted(1, 0.9), classes=2).uar.ci95 is None
    with pytest.raises(ValueError, match="no labelled speech"):
        gains(np.array([]), np.array([], int), np.array([]), np.zeros((0, 2), bool), 2)


def test_pairs_as_a_matrix() -> None:
    result = matrix([("sad", "sad", 2.0), ("sad", None, 1.0), (None, "angry", 4.0)], ["sad", "angry", None])
    assert result.tolist() == [[2, 0, 1], [0, 0, 0], [0, 4, 0]]
