"""Spectra: Parseval, and blocks that change nothing."""

import subprocess
import sys

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.features import paper, spectra
from ser_core.features.spectra import frames_of, hann, mel_filters, power_blocks
from tests.support.audio import noise, tone


@pytest.mark.parametrize(
    ("samples", "n_fft", "hop", "frames"), [(1, 2048, 512, 1), (512, 2048, 512, 2), (8000, 400, 160, 51)]
)
def test_frames_are_centred_on_every_hop(samples, n_fft, hop, frames):
    y = np.arange(1, samples + 1, dtype=np.float32)
    framed = frames_of(y, n_fft, hop)
    assert framed.shape == (frames, n_fft)
    np.testing.assert_array_equal(framed[:, n_fft // 2], y[::hop].tolist() + [0.0] * (frames - len(y[::hop])))


def test_power_is_the_energy_of_the_windowed_frame():
    frames = frames_of(noise(8000, 1.0), 256, 128)
    (power,) = power_blocks(frames)
    both_sides = 2 * power.sum(axis=1) - power[:, 0] - power[:, -1]
    np.testing.assert_allclose(both_sides / 256, ((frames * hann(256)) ** 2).sum(axis=1), rtol=1e-4)


def test_mel_filters_have_equal_areas():
    sr, n_fft = 16000, 8192
    area = mel_filters(sr, n_fft, 128, True).toarray().sum(axis=0) * sr / n_fft
    np.testing.assert_allclose(area, 1.0, rtol=0.05)


def test_a_long_segment_in_many_blocks_gives_the_same_vector(monkeypatch):
    y = np.concatenate([noise(8000, 20.0), tone(440, 8000, 20.0)])
    one = extract(y)
    monkeypatch.setattr(spectra, "_BLOCK_SAMPLES", 2048 * 7)
    np.testing.assert_allclose(extract(y), one, rtol=1e-5, atol=1e-5)


def extract(y):
    settings = load_settings(["--config", "paper"], environ={}).features
    return paper.PaperFeatures(settings, {}).extract([y])


def test_neither_librosa_nor_numba_is_loaded_before_it_is_needed():
    code = "import sys, ser_core.extraction; assert not {'librosa', 'numba', 'pyspark'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
