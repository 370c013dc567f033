"""Filters are librosa's."""

import warnings

import librosa
import numpy as np
import pytest

from ser_core.sound.features.filters import chroma_filters, mel_filters

CASES = [(8000, 2048), (16000, 2048), (48000, 2048), (22050, 1024), (8000, 2047), (8000, 400), (8000, 64), (1000, 256)]


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize(("sr", "n_fft"), CASES)
def test_mel(sr, n_fft, htk):
    bins = 1 + n_fft // 2
    result = mel_filters(sr, n_fft, 128, htk)(np.eye(bins, dtype=np.float32))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters")
        expected = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=128, htk=htk)
    np.testing.assert_allclose(result, expected.T, rtol=1e-5, atol=1e-6 * expected.max())


@pytest.mark.parametrize("tuning", [-0.5, -0.13, 0.0, 0.49])
@pytest.mark.parametrize(("sr", "n_fft"), CASES)
def test_chroma(sr, n_fft, tuning):
    expected = librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning, n_chroma=12)
    np.testing.assert_allclose(chroma_filters(sr, n_fft, tuning), expected.T, rtol=1e-5, atol=1e-7)
