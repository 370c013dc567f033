"""Peaks and quantiles equal those of scipy and numpy."""

import numpy as np
import pytest
import scipy.signal

from ser_core.sound.speech.quantiles import quantiles
from ser_core.sound.speech.syllables import prominent_peaks


@pytest.mark.parametrize("size", [0.3, 1, 3])
def test_peaks_are_scipys(size):
    rng = np.random.default_rng(0)
    for n in range(1, 300):
        x = np.maximum(size * rng.standard_normal(n).cumsum(), -20).astype(np.float32)
        expected, _ = scipy.signal.find_peaks(np.pad(x, 1, constant_values=-20), prominence=2.0)
        np.testing.assert_array_equal(prominent_peaks(x, 2.0, -20.0), expected - 1)


def test_a_plateau_is_one_peak():
    assert len(prominent_peaks(np.array([0, 5, 5, 5, 0, 5, 4, 5, 0], np.float32), 2.0, 0.0)) == 2


@pytest.mark.parametrize("n", [1, 2, 5, 100])
def test_quantiles_are_numpys(n):
    shares = (0.0, 0.05, 0.25, 0.75, 0.99, 1.0)
    x = np.random.default_rng(0).standard_normal((3, n))
    np.testing.assert_allclose(quantiles(x, shares), np.quantile(x, shares, axis=1), rtol=1e-10)
    single = x[0].astype(np.float32)
    np.testing.assert_allclose(quantiles(single, shares), np.quantile(single, shares), rtol=1e-6, atol=1e-6)
