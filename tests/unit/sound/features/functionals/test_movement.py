"""Modulation spectra and covariance against planted movements."""

import numpy as np
import pytest
import scipy.linalg

from ser_core.sound.features.functionals.frames import delta
from ser_core.sound.features.functionals.movement import (
    COURSES,
    COVARYING,
    DELTA_SPREADS,
    MODULATED,
    MODULATION_EDGES_HZ,
    PAIRS,
    SPREADS,
    log_covariance,
    modulation,
)
from ser_core.sound.features.functionals.spectral import LOG_MEL, SPECTRAL, spectral_descriptors
from ser_core.sound.features.functionals.spectral_plan import N_MELS
from tests.support.audio import noise, tone


@pytest.mark.parametrize(("rate_hz", "band"), [(1, 0), (2, 1), (4, 2), (6, 3), (10, 4), (15, 5), (30, 6)])
@pytest.mark.parametrize("n", [150, 300, 2000])
def test_a_movement_lies_in_the_band_of_its_rate(rate_hz, band, n):
    courses = np.sin(2 * np.pi * rate_hz * np.arange(n) / 100).astype(np.float32) * np.ones((4, 1), np.float32)
    shares = np.exp(modulation(np.zeros((N_MELS, n), np.float32), courses))
    assert shares.shape == (len(MODULATION_EDGES_HZ) - 1, len(MODULATED))
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-4)
    np.testing.assert_array_equal(shares[:, -len(COURSES) :].argmax(axis=0), band)
    assert shares[band, -1] > 0.75
    np.testing.assert_allclose(shares[:, :8], 1 / 7, rtol=1e-3)  # what does not move has no rate


@pytest.mark.parametrize("rate_hz", [4.0, 10.0])
def test_an_amplitude_modulated_tone_moves_at_its_rate(rate_hz):
    t = np.arange(32000) / 16000
    y = (tone(1000, 16000, 2.0) * (1 + 0.8 * np.sin(2 * np.pi * rate_hz * t))).astype(np.float32) + noise(
        16000, 2, 1e-3
    )
    x = spectral_descriptors(y, 16000, 200)
    result = modulation(x[: len(LOG_MEL)], x[[SPECTRAL.index("rms")] * 4])[:, MODULATED.index("rms")]
    low, high = MODULATION_EDGES_HZ[result.argmax() : result.argmax() + 2]
    assert low <= rate_hz < high


def planted(n=4000):
    return np.random.default_rng(0).standard_normal((len(SPREADS), n)).astype(np.float32)


def matrix(values):
    """The symmetric matrix whose upper triangle was weighted and flattened."""
    full = np.zeros((len(COVARYING),) * 2)
    full[PAIRS] = values / np.where(PAIRS[0] == PAIRS[1], 1, np.sqrt(2))
    return full + np.triu(full, 1).T


def test_the_logarithm_is_that_of_the_covariance():
    x = planted() * np.array(list(SPREADS.values()), np.float32)[:, None]
    x[1] += x[0] / 2
    both = np.concatenate([x, delta(x[:15])]).astype(np.float64)
    both /= np.array([*SPREADS.values(), *DELTA_SPREADS.values()])[:, None]
    expected = scipy.linalg.logm(np.cov(both, bias=True) + 0.02 * np.eye(len(COVARYING)))
    np.testing.assert_allclose(matrix(log_covariance(x)), expected, atol=1e-3)


def test_distances_are_those_of_the_matrices():
    first, second = (log_covariance(planted(500) * scale) for scale in (1.0, 3.0))
    assert np.linalg.norm(first - second) == pytest.approx(np.linalg.norm(matrix(first) - matrix(second)), rel=1e-5)


def test_what_does_not_move_has_the_floor_on_its_diagonal():
    result = matrix(log_covariance(np.full((len(SPREADS), 50), 3, np.float32)))
    np.testing.assert_allclose(result, np.log(0.02) * np.eye(len(COVARYING)), atol=1e-4)
