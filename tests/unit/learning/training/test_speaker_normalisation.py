from __future__ import annotations

import json

import numpy as np
import pytest

from ser_core.config.settings import SpeakerNormalisationSettings
from ser_core.errors import BundleError
from ser_core.learning.training.speaker_normalisation import SpeakerNormaliser, fit_normaliser, read_normaliser

CLASS_MEANS = np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 1.0]])


def strengths(mean: float, deviation: float, prior: float = 4.0) -> SpeakerNormalisationSettings:
    return SpeakerNormalisationSettings(
        strength_mean=mean, strength_deviation=deviation, prior_segments=prior, anchor=0.0, train_on="speakers"
    )


def unit(mean: float = 1.0, deviation: float = 1.0, prior: float = 4.0, anchor: float = 0.0) -> SpeakerNormaliser:
    """A population of mean 0 and deviation 1."""
    return SpeakerNormaliser(mean, deviation, prior, anchor, np.zeros(3), np.ones(3), CLASS_MEANS)


@pytest.fixture
def speaker() -> np.ndarray:
    """Of 40 vectors: mean 5, deviation 3."""
    return np.random.default_rng(0).normal(5, 3, (40, 3)).astype(np.float32)


def test_much_speech_is_normalised_by_its_own_statistics(speaker: np.ndarray) -> None:
    many = np.tile(speaker, (1000, 1))
    result = unit()(many, np.zeros(len(many)))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(result.std(axis=0), 1, atol=0.01)


def test_one_clip_is_shrunk_towards_the_population() -> None:
    """n / (n + n0) = 1/5 of the way for the mean, none of it for the deviation, which one vector does not have."""
    result = unit()(np.full((1, 3), 10, np.float32), np.zeros(1))
    np.testing.assert_allclose(result, 10 - 10 / 5)


def test_the_formula(speaker: np.ndarray) -> None:
    result = unit(0.5, 0.25, 10.0)(speaker, np.zeros(40))
    mean = 0.5 * 40 / 50 * speaker.mean(axis=0)
    variance = 1 + 0.25 * 39 / 49 * (speaker.var(axis=0, ddof=1) - 1)
    np.testing.assert_allclose(result, (speaker - mean) / np.sqrt(variance), rtol=1e-4, atol=1e-5)


def test_strength_nought_is_the_population_whoever_speaks(speaker: np.ndarray) -> None:
    by_row = unit(0, 0)(speaker, np.arange(40))
    np.testing.assert_array_equal(unit(0, 0)(speaker, np.zeros(40)), by_row)
    np.testing.assert_allclose(by_row, speaker)


def test_speakers_do_not_touch_each_other(speaker: np.ndarray) -> None:
    X = np.concatenate([speaker, speaker * 3 + 100])
    names = np.repeat(["b", "a"], 40)
    order = np.random.default_rng(1).permutation(80)
    together = unit()(X[order], names[order])
    np.testing.assert_array_equal(together[np.argsort(order)][:40], unit()(speaker, names[:40]))
    with pytest.raises(ValueError, match="39 speakers of 40 vectors"):
        unit()(speaker, np.zeros(39))
    assert unit()(speaker[:0], np.zeros(0)).shape == (0, 3)


def test_an_offset_of_the_speaker_is_removed_by_the_strength(speaker: np.ndarray) -> None:
    for strength in (0.0, 0.5, 1.0):
        normaliser = unit(strength, 0.0)
        moved = normaliser(speaker + np.float32(10), np.zeros(40)) - normaliser(speaker, np.zeros(40))
        np.testing.assert_allclose(moved, 10 * (1 - strength * 40 / 44), rtol=1e-4)


def test_the_population_is_of_speakers_not_of_rows() -> None:
    X = np.array([[0, 0], [2, 0], [10, 0], [14, 0], [12, 0], [12, 0]], np.float32)
    result = fit_normaliser(X, np.array(["a", "a", "b", "b", "b", "b"]), strengths(1, 1), np.zeros((2, X.shape[1])))
    np.testing.assert_allclose(result.mean, [(1 + 12) / 2, 0])
    np.testing.assert_allclose(result.deviation, [np.sqrt((2 + 8) / 4), 1])  # pooled; of no variance: 1


def test_a_feature_without_variance_stays_finite() -> None:
    X = np.full((6, 2), 1e8, np.float32)
    normaliser = fit_normaliser(X, np.array(list("aaabbb")), strengths(1, 1), np.zeros((2, X.shape[1])))
    assert np.isfinite(normaliser(X, np.zeros(6))).all()
    assert np.isfinite(normaliser(X + np.float32(100), np.arange(6))).all()


def test_one_row_a_speaker_has_the_deviation_of_all() -> None:
    X = np.array([[0.0], [4.0]], np.float32)
    assert fit_normaliser(X, np.array(["a", "b"]), strengths(1, 1), np.zeros((2, X.shape[1]))).deviation.tolist() == [
        2.0
    ]


def test_what_is_written_is_what_is_read(speaker: np.ndarray) -> None:
    fitted = fit_normaliser(speaker, np.arange(40) % 4, strengths(0.7, 0.3, 2.5), CLASS_MEANS)
    read = read_normaliser(fitted.to_json(), 2, 3)
    np.testing.assert_array_equal(read(speaker, np.arange(40) % 3), fitted(speaker, np.arange(40) % 3))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mean": ["x"]}, "cannot be read"),
        ({"mean": [0.0]}, "names 3 features"),
        ({"deviation": [1.0, 0.0, 1.0]}, "impossible"),
        ({"mean": [0.0, float("nan"), 0.0]}, "impossible"),
        ({"strength_mean": 2.0}, "impossible"),
        ({"prior_segments": 0.0}, "impossible"),
    ],
)
def test_an_invalid_normaliser_is_refused(change: dict[str, object], expected: str) -> None:
    data = {**json.loads(unit().to_json()), **change}
    with pytest.raises(BundleError, match=expected):
        read_normaliser(json.dumps(data).encode(), 2, 3)
    with pytest.raises(BundleError, match="cannot be read"):
        read_normaliser(b"{}", 2, 3)


def test_what_expected_emotions_explain_of_the_mean_stays(speaker: np.ndarray) -> None:
    """Of a speaker who is of the first class throughout, its step of 2 stays; with half an anchor, half."""
    expected = np.tile(np.array([[1.0, 0.0]], np.float32), (40, 1))
    for anchor in (0.0, 0.5, 1.0):
        result = unit(1.0, 0.0, 1e-9, anchor)(speaker, np.zeros(40), expected)
        np.testing.assert_allclose(result.mean(axis=0), [2 * anchor, 0, 0], atol=1e-4)
    unknown = unit(1.0, 0.0, 1e-9, 1.0)(speaker, np.zeros(40))
    np.testing.assert_allclose(unknown.mean(axis=0), 0, atol=1e-4)
