"""Batched numerics against slow plain ones."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from ser_core.sound.features.functionals.formants import levinson
from ser_core.sound.features.functionals.frames import delta
from ser_core.sound.features.functionals.pitch import autocorrelation
from ser_core.sound.features.functionals.source_plan import LPC_ORDER, N_FFT, SourceFrames
from ser_core.sound.features.functionals.spectral import SHAPE, power_spectra, spectral_shape
from ser_core.sound.features.functionals.spectral_plan import spectral_plan
from ser_core.sound.features.functionals.statistics import MOMENTS, moments
from tests.support.audio import noise
from tests.support.voices import harmonics

RNG = np.random.default_rng(0)


def test_moments_are_those_of_scipy_and_numpy():
    x = RNG.gamma(2, size=(7, 333)).astype(np.float32)
    result = dict(zip(MOMENTS, moments(x), strict=True))
    np.testing.assert_allclose(result["skewness"], scipy.stats.skew(x, axis=1), rtol=1e-4)
    np.testing.assert_allclose(np.exp(result["kurtosis"]), scipy.stats.kurtosis(x, axis=1, fisher=False), rtol=1e-4)
    t = np.linspace(-1, 1, 333)
    np.testing.assert_allclose(result["slope"], [np.polyfit(t, row, 1)[0] for row in x], rtol=1e-3, atol=1e-4)
    square = np.stack([np.ones(333), t**2], axis=1)
    fitted = [np.linalg.lstsq(square, row, rcond=None)[0][1] for row in x]
    np.testing.assert_allclose(result["curvature"], fitted, rtol=1e-3, atol=1e-4)


def test_slopes_are_those_of_a_plain_loop():
    x = RNG.standard_normal((3, 9)).astype(np.float32)
    for row, result in zip(x, delta(x), strict=True):
        for t in range(9):
            clamped = [row[min(max(t + k, 0), 8)] for k in range(-2, 3)]
            plain = sum(k * (clamped[2 + k] - clamped[2 - k]) for k in (1, 2)) / (2 * (1 + 4))
            assert result[t] == pytest.approx(plain, abs=1e-5)


def test_the_recursion_solves_the_normal_equations():
    y = harmonics(120, 8000, 0.5) + noise(8000, 0.5, 0.02)
    frames = SourceFrames(y, 8000, 50)
    lags = frames.power @ frames.plan.lpc_lags
    lags[:, 0] *= 1.0001
    polynomial, error = levinson(lags)
    for row, coefficients, left in zip(lags.astype(np.float64), polynomial, error, strict=True):
        solved = scipy.linalg.solve_toeplitz(row[:-1], -row[1:])
        np.testing.assert_allclose(coefficients[1:], solved, rtol=0.02, atol=0.02)
        assert left == pytest.approx(row[0] + solved @ row[1:], rel=0.02)


def test_the_lags_from_the_spectrum_are_those_of_the_emphasised_frame():
    frames = SourceFrames(noise(8000, 0.3), 8000, 30)
    result = frames.power @ frames.plan.lpc_lags
    for windowed, row in zip(frames.windowed.astype(np.float64), result, strict=True):
        emphasised = np.convolve(windowed, [1, -0.97])
        plain = [emphasised[: len(emphasised) - k] @ emphasised[k:] for k in range(LPC_ORDER + 1)]
        np.testing.assert_allclose(row, plain, atol=1e-4 * plain[0])


def test_the_autocorrelation_is_that_of_the_samples():
    frames = SourceFrames(harmonics(150, 8000, 0.2), 8000, 20)
    result, energy = autocorrelation(frames)
    assert len(frames.plan.window) + frames.plan.longest + 10 <= N_FFT
    window = frames.plan.window.astype(np.float64)
    for i, windowed in enumerate(frames.windowed.astype(np.float64)):
        assert energy[i] == pytest.approx(windowed @ windowed, rel=1e-4)
        for lag in (0, 1, 12, 53, 124):
            own = (window[: 320 - lag] @ window[lag:]) / (window @ window)
            plain = (windowed[: 320 - lag] @ windowed[lag:]) / (windowed @ windowed) / own
            assert result[i, lag] == pytest.approx(plain, abs=1e-3)


def test_the_moments_of_a_spectrum_are_those_of_a_weighted_sample():
    plan = spectral_plan(16000)
    power = power_spectra(noise(16000, 0.5).reshape(20, 400), plan)
    result = dict(zip(SHAPE, spectral_shape(power, power @ plan.maps, plan), strict=True))
    for i, row in enumerate(power.astype(np.float64)):
        share = row / row.sum()
        mean = share @ plan.hz
        deviation = np.sqrt(share @ (plan.hz - mean) ** 2)
        assert result["skewness"][i] == pytest.approx(share @ ((plan.hz - mean) / deviation) ** 3, abs=1e-3)
        assert np.exp(result["kurtosis"][i]) == pytest.approx(share @ ((plan.hz - mean) / deviation) ** 4, rel=1e-3)
        assert result["entropy"][i] == pytest.approx(scipy.stats.entropy(share), abs=1e-3)
        if i:
            before = power[i - 1].astype(np.float64) / power[i - 1].sum()
            assert result["flux"][i] == pytest.approx(np.linalg.norm(np.sqrt(share) - np.sqrt(before)), abs=1e-4)
