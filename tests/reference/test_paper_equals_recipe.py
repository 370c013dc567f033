"""One shared spectrum gives what three calls of librosa give."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from ser_core.config import load_settings
from ser_core.sound.features import feature_set
from tests.reference.paper import paper_vector
from tests.support.audio import noise, tone

SETTINGS = load_settings(["--config", "paper"], environ={})


def pair(signals, **changes):
    features = SETTINGS.features.model_copy(update=changes)
    fs = feature_set(features, SETTINGS.segments)
    htk = features.mel_scale == "htk"
    expected = [paper_vector(y, features.sample_rate_hz, features.n_fft, features.hop_length, htk) for y in signals]
    return fs.extract(signals), np.array(expected)


def voice(sr, seed, duration_s=1.5):
    """Harmonics of a gliding pitch with noise: many spectral peaks, as speech has."""
    t = np.arange(int(duration_s * sr)) / sr
    pitch = 120 + 40 * seed + 60 * t
    phase = 2 * np.pi * np.cumsum(pitch) / sr
    y = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.3 + 0.2 * np.sin(2 * np.pi * 3 * t))
    return (0.2 * y).astype(np.float32) + noise(sr, duration_s, 0.003, seed)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sample_rate_hz": 16000},
        {"mel_scale": "htk"},
        {"n_fft": 512, "hop_length": 160},
        {"n_fft": 400, "hop_length": 400},
        {"n_fft": 2047},
        {"n_fft": 256, "hop_length": 100, "sample_rate_hz": 4000},
        {"sample_rate_hz": 48000},
    ],
)
def test_made_signals(changes):
    sr = changes.get("sample_rate_hz", 8000)
    signals = [voice(sr, seed) for seed in range(6)]
    signals += [noise(sr, 1.0), tone(440, sr, 1.0), noise(sr, 0.1), noise(sr, 0.01), noise(sr, 4.0, 1e-4)]
    signals += [np.zeros(sr, np.float32), np.full(sr, 0.5, np.float32), np.ones(1, np.float32)]
    result, expected = pair(signals, **changes)
    np.testing.assert_allclose(result, expected, rtol=2e-4, atol=2e-3)
    np.testing.assert_allclose(result[:, 40:52], expected[:, 40:52], atol=2e-5)


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SER_CORPORA"), reason="SER_CORPORA is not set")
@pytest.mark.parametrize("sr", [8000, 16000])
def test_real_voices(sr):
    clips = sorted((Path(os.environ["SER_CORPORA"]) / "ravdess" / "speech-16k").glob("Actor_*/*.flac"))[::5]
    signals = []
    for clip in clips:
        y, rate = sf.read(clip, dtype="float32", always_2d=True)
        y = np.ascontiguousarray(y[:, 0])
        signals.append(y if rate == sr else soxr.resample(y, rate, sr))
    result, expected = pair(signals, sample_rate_hz=sr)
    assert (np.abs(result - expected) / expected.std(axis=0)).max() <= 1e-4
