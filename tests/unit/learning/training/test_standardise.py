from __future__ import annotations

import numpy as np
import pytest

from ser_core.learning.training.standardise import BOUND, fit_standardiser


def voices(offset: float = 20.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """12 voices of 40 vectors, which differ along one direction; X, emotion, voice, and the direction."""
    rng = np.random.default_rng(0)
    direction = np.array([3.0, 4.0, 0, 0, 0, 0]) / 5
    voice, emotion = np.repeat(np.arange(12), 40), np.tile(np.array(["sad", "happy"]), 240)
    X = rng.normal(0, 1, (480, 6)) + offset * rng.normal(0, 1, (12, 1))[voice] * direction
    return X.astype(np.float32), emotion, voice, direction


def test_mean_nought_and_deviation_one() -> None:
    X, emotion, voice, _ = voices(0.5)
    Z = fit_standardiser(X * 7 + 100, emotion, voice, 0)(X * 7 + 100)
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(Z.std(axis=0), 1, atol=1e-2)


def test_what_is_far_out_is_cut_off() -> None:
    X, emotion, voice, _ = voices(0.0)
    standardiser = fit_standardiser(X, emotion, voice, 0)
    assert np.abs(standardiser(X * np.float32(1000))).max() == BOUND
    near = np.abs(standardiser(X)) < BOUND
    plain = (X - standardiser.mean) / standardiser.scale
    np.testing.assert_allclose(standardiser(X)[near], plain[near], rtol=1e-5)


def test_a_feature_of_no_variance_is_centred() -> None:
    X, emotion, voice, _ = voices()
    X[:, 2] = 9.0
    assert np.abs(fit_standardiser(X, emotion, voice, 3)(X)[:, 2]).max() < 1e-6


def test_the_direction_in_which_voices_differ_is_taken_out() -> None:
    X, emotion, voice, direction = voices(2.0)
    with_it, without = (fit_standardiser(X, emotion, voice, k) for k in (0, 1))
    along = direction * 1 / with_it.scale
    along /= np.linalg.norm(along)
    assert abs(float(without.directions[0] @ along)) > 0.95
    np.testing.assert_allclose(np.abs(without(X) @ without.directions.T).max(), 0, atol=1e-4)
    between = [np.var([s(X)[voice == v].mean(axis=0) for v in range(12)], axis=0).sum() for s in (with_it, without)]
    assert between[1] < 0.2 * between[0]
    within = [np.mean([s(X)[voice == v].var(axis=0) for v in range(12)]) for s in (with_it, without)]
    assert within[1] > 0.7 * within[0]


def test_a_voice_of_one_emotion_mostly_does_not_pass_for_another_voice() -> None:
    """Emotion moves the first feature, voice the second; half the voices are angry nine times in ten, half once."""
    rng = np.random.default_rng(1)
    voice = np.repeat(np.arange(10), 200)
    angry = np.tile(np.arange(20), 100) < np.where(voice % 2, 18, 2)
    X = rng.normal(0, 0.1, (2000, 2))
    X[:, 0] += 3 * angry
    X[:, 1] += 0.5 * rng.normal(0, 1, 10)[voice]
    emotion = np.where(angry, "angry", "neutral")
    (direction,) = fit_standardiser(X.astype(np.float32), emotion, voice, 1).directions
    assert abs(direction[1]) > 0.95


@pytest.mark.parametrize(("asked", "expected"), [(0, 0), (3, 3), (50, 6)])
def test_directions_are_orthonormal_and_fewer_than_voices(asked: int, expected: int) -> None:
    X, emotion, voice, _ = voices()
    D = fit_standardiser(X, emotion, voice, asked).directions
    assert D.shape == (expected, 6)
    np.testing.assert_allclose(D @ D.T, np.eye(expected), atol=1e-5)


def test_two_voices_have_one_direction_and_one_voice_none() -> None:
    X, emotion, voice, _ = voices()
    assert len(fit_standardiser(X, emotion, voice % 2, 5).directions) == 1
    assert len(fit_standardiser(X, emotion, voice * 0, 5).directions) == 0
