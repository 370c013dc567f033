"""Spectra: Parseval, and blocks that change nothing."""

import subprocess
import sys

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.sound.audio.fourier import hann
from ser_core.sound.features import paper, spectra
from ser_core.sound.features.filters import mel_filters
from ser_core.sound.features.spectra import Frames, power_blocks, power_spectra
from tests.support.audio import noise, tone


@pytest.mark.parametrize(
    ("samples", "n_fft", "hop", "frames"), [(1, 2048, 512, 1), (512, 2048, 512, 2), (8000, 400, 160, 51)]
)
def test_frames_are_centred_on_every_hop(samples, n_fft, hop, frames):
    y = np.arange(1, samples + 1, dtype=np.float32)
    of = Frames.of([y], n_fft, hop)
    framed = of.line[of.at]
    assert framed.shape == (frames, n_fft)
    np.testing.assert_array_equal(framed[:, n_fft // 2], y[::hop].tolist() + [0.0] * (frames - len(y[::hop])))


@pytest.mark.parametrize(("n_fft", "hop"), [(64, 64), (64, 10), (63, 20)])
def test_frames_of_several_segments_are_those_of_each(n_fft, hop):
    segments = [noise(8000, samples / 8000, seed=samples) for samples in (1, 200, 63, 64, 500)]
    together = Frames.of(segments, n_fft, hop)
    for i, y in enumerate(segments):
        alone = Frames.of([y], n_fft, hop)
        part = together.part(*together.bounds[i : i + 2])
        np.testing.assert_array_equal(part.line[part.at], alone.line[alone.at])


@pytest.mark.parametrize("double", [False, True])
def test_power_is_the_energy_of_the_windowed_frame(double):
    of = Frames.of([noise(8000, 1.0)], 256, 128)
    power = power_spectra(of.line, of.at, double)
    assert power.dtype == np.float32
    both_sides = 2 * power.sum(axis=1) - power[:, 0] - power[:, -1]
    np.testing.assert_allclose(both_sides / 256, ((of.line[of.at] * hann(256)) ** 2).sum(axis=1), rtol=1e-4)


def test_blocks_are_the_whole(monkeypatch):
    of = Frames.of([noise(8000, 1.0)], 256, 128)
    (whole,) = power_blocks(of)
    monkeypatch.setattr(spectra, "BLOCK_SAMPLES", 256 * 7)
    blocks = list(power_blocks(of))
    assert len(blocks) > 3
    np.testing.assert_allclose(np.concatenate(blocks), whole, rtol=1e-4, atol=1e-9)


def test_mel_filters_have_equal_areas():
    sr, n_fft = 16000, 8192
    area = mel_filters(sr, n_fft, 128, True)(np.eye(1 + n_fft // 2, dtype=np.float32)).sum(axis=0) * sr / n_fft
    np.testing.assert_allclose(area, 1.0, rtol=0.05)


def test_a_long_segment_in_many_blocks_gives_the_same_vector(monkeypatch):
    y = np.concatenate([noise(8000, 20.0), tone(440, 8000, 20.0)])
    vector = extract(y)
    for module in (spectra, paper):
        monkeypatch.setattr(module, "BLOCK_SAMPLES", 2048 * 7)
    np.testing.assert_allclose(extract(y), vector, rtol=1e-5, atol=1e-5)


def extract(y):
    settings = load_settings(["--config", "paper"], environ={}).features
    return paper.PaperFeatures(settings, {}).extract([y])


def test_neither_librosa_nor_numba_is_loaded_before_it_is_needed():
    code = "import sys, ser_core.sound.extraction; assert not {'librosa', 'numba', 'pyspark'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
