"""Descriptors that librosa has, too, equal librosa's."""

import librosa
import numpy as np
import pytest

from ser_core.sound.features.functionals.frames import framed
from ser_core.sound.features.functionals.spectral import SPECTRAL, power_spectra, spectral_descriptors
from ser_core.sound.features.functionals.spectral_plan import N_MELS, N_MFCC, spectral_plan
from tests.support.audio import noise
from tests.support.voices import vowel

VOWEL = [(730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0)]


@pytest.fixture(scope="module", params=[8000, 16000])
def case(request):
    """Rate, segment, descriptors by name, and the power spectra they are taken from, as librosa wants them."""
    sr = request.param
    y = vowel(130, VOWEL, sr, 1.0) + noise(sr, 1.0, 0.01)
    plan = spectral_plan(sr)
    power = power_spectra(framed(y, len(plan.window), plan.hop, 100), plan).T.astype(np.float64)
    return sr, y, dict(zip(SPECTRAL, spectral_descriptors(y, sr, 100), strict=True)), power


def test_the_power_spectrum(case):
    sr, y, _, power = case
    win, hop, n_fft = round(0.025 * sr), sr // 100, spectral_plan(sr).n_fft
    offset = (n_fft - win) // 2  # librosa centres the window in the transform, we begin with it
    padded = np.pad(y, ((win - hop) // 2 + offset, n_fft))
    stft = librosa.stft(padded, n_fft=n_fft, hop_length=hop, win_length=win, center=False)[:, :100]
    window = librosa.filters.get_window("hann", win, fftbins=True)
    np.testing.assert_allclose(power[1:], (np.abs(stft) ** 2 / (window @ window))[1:], rtol=1e-3, atol=1e-9)


def test_mel_bands_and_cepstral_coefficients(case):
    sr, _, values, power = case
    mel = librosa.feature.melspectrogram(S=power, sr=sr, n_mels=N_MELS, fmin=20, htk=True, norm=None)
    logs = np.log(mel + 1e-9)
    np.testing.assert_allclose(np.stack([values[f"logmel{i:02d}"] for i in range(N_MELS)]), logs, atol=2e-2)
    own = np.stack([values[f"logmel{i:02d}"] for i in range(N_MELS)]).astype(np.float64)
    mfcc = librosa.feature.mfcc(S=own, n_mfcc=N_MFCC)
    np.testing.assert_allclose(np.stack([values[f"mfcc{i:02d}"] for i in range(N_MFCC)]), mfcc, atol=1e-3)


def test_centroid_and_spread(case):
    sr, _, values, power = case
    centroid = librosa.feature.spectral_centroid(S=power, sr=sr)[0]
    bandwidth = librosa.feature.spectral_bandwidth(S=power, sr=sr)[0]
    np.testing.assert_allclose(np.exp(values["centroid"]) - 50, centroid, rtol=1e-3)
    np.testing.assert_allclose(np.exp(values["spread"]), bandwidth, rtol=1e-3)


@pytest.mark.parametrize("share", [25, 50, 75, 90])
def test_rolloff(case, share):
    sr, _, values, power = case
    expected = librosa.feature.spectral_rolloff(S=power, sr=sr, roll_percent=share / 100)[0]
    step = sr / spectral_plan(sr).n_fft  # ours is the upper end of the bin, whose logarithm is finite
    np.testing.assert_allclose(np.exp(values[f"rolloff{share}"]), expected + step, rtol=1e-4)


def test_flatness(case):
    _, _, values, power = case
    expected = librosa.feature.spectral_flatness(S=power[1:] + 1e-9, power=1.0, amin=1e-12)[0]
    np.testing.assert_allclose(np.exp(values["flatness"]), expected, rtol=1e-3)


def test_zero_crossings(case):
    sr, y, values, _ = case
    crossings = librosa.zero_crossings(y, pad=False, zero_pos=True, threshold=0)
    rate = crossings.reshape(100, sr // 100).mean(axis=1)
    np.testing.assert_allclose(values["zcr"][1:-1], (rate[:-2] + rate[1:-1] + rate[2:]) / 3, atol=1e-6)
