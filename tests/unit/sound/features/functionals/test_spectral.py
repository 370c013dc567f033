"""Spectral descriptors against theory: tones, noise, clicks and silence."""

import numpy as np
import pytest

from ser_core.sound.features.functionals import spectral
from ser_core.sound.features.functionals.spectral import SPECTRAL, spectral_descriptors
from ser_core.sound.features.functionals.spectral_plan import N_MELS, mel_triangles, spectral_plan
from tests.support.audio import noise, tone

RATES = (8000, 11025, 16000, 22050, 44100, 48000)


def described(y, sr):
    """Each descriptor's mean over the frames away from the ends."""
    x = spectral_descriptors(y, sr, round(len(y) / sr * 100))
    assert x.shape[0] == len(SPECTRAL) and x.dtype == np.float32
    return dict(zip(SPECTRAL, x[:, 5:-5].mean(axis=1), strict=True))


@pytest.mark.parametrize("sr", RATES)
def test_no_mel_band_is_empty(sr):
    triangles = mel_triangles(spectral_plan(sr).hz, sr)
    assert triangles.shape == (len(spectral_plan(sr).hz), N_MELS)
    assert triangles.sum(axis=0).min() > 0.3 and triangles.max() <= 1


@pytest.mark.parametrize("sr", RATES)
def test_the_level_of_a_tone_is_that_of_its_mean_square(sr):
    assert described(tone(700, sr, 1.0, 0.2), sr)["rms"] == pytest.approx(10 * np.log10(0.02), abs=0.05)


@pytest.mark.parametrize("sr", [8000, 16000])
@pytest.mark.parametrize("frequency", [400.0, 1000.0, 2500.0])
def test_the_centroid_of_a_tone_is_its_frequency_and_its_spread_the_windows(frequency, sr):
    values = described(tone(frequency, sr, 1.0), sr)
    assert np.exp(values["centroid"]) - 50 == pytest.approx(frequency, rel=0.01)
    assert np.exp(values["spread"]) < 40
    for share in (25, 50, 75, 90):
        assert np.exp(values[f"rolloff{share}"]) == pytest.approx(frequency, abs=90)


@pytest.mark.parametrize("sr", [8000, 16000])
def test_white_noise_is_flat_to_half_the_rate(sr):
    values = described(noise(sr, 5.0), sr)
    top = sr / 2
    assert np.exp(values["centroid"]) - 50 == pytest.approx(top / 2, rel=0.03)
    assert np.exp(values["spread"]) == pytest.approx(top / np.sqrt(12), rel=0.05)
    assert np.exp(values["rolloff75"]) == pytest.approx(0.75 * top, rel=0.03)
    assert values["flatness"] == pytest.approx(-np.euler_gamma, abs=0.05)  # the mean log of an exponential variable
    assert values["skewness"] == pytest.approx(0, abs=0.05)
    assert np.exp(values["kurtosis"]) == pytest.approx(1.8, rel=0.08)
    assert values["zcr"] == pytest.approx(0.5, abs=0.01)
    assert values["slope0"] == pytest.approx(0, abs=1.0) and values["slope500"] == pytest.approx(0, abs=1.0)
    assert values["band1000"] == pytest.approx(10 * np.log10(1000 / top), abs=0.4)
    bins = len(spectral_plan(sr).hz)
    assert values["entropy"] == pytest.approx(np.log(bins) - 1 + np.euler_gamma, abs=0.05)


def test_a_tone_is_far_from_flat_and_noise_is_not():
    assert described(tone(1000, 8000, 1.0), 8000)["flatness"] < -5
    assert described(tone(1000, 8000, 1.0), 8000)["entropy"] < 1.5


@pytest.mark.parametrize(("pole", "sign"), [(0.9, -1), (-0.9, 1)])
def test_slopes_and_balances_follow_the_tilt(pole, sign):
    white = noise(16000, 3.0)
    y = np.zeros_like(white)
    for i in range(1, len(white)):
        y[i] = white[i] + pole * y[i - 1]
    values = described(y, 16000)
    assert np.sign(values["slope500"]) == sign
    assert np.sign(values["alpha"]) == -sign and np.sign(values["hammarberg"]) == -sign


@pytest.mark.parametrize("sr", [8000, 16000])
def test_the_slope_of_a_known_tilt(sr):
    plan = spectral_plan(sr)
    logs = np.log(10) / 10 * -12 * plan.hz[1:] / 1000  # 12 dB a kHz down
    np.testing.assert_allclose(logs @ plan.slopes, [-12, -12], rtol=1e-3)


@pytest.mark.parametrize("frequency", [100.0, 437.0, 1500.0])
def test_zero_crossings_and_teager_energy_of_a_tone(frequency):
    values = described(tone(frequency, 16000, 2.0, 0.3), 16000)
    assert values["zcr"] == pytest.approx(2 * frequency / 16000, rel=0.02)
    expected = 0.3**2 * np.sin(2 * np.pi * frequency / 16000) ** 2  # Kaiser 1990, eq. 9
    assert np.exp(values["teager"]) == pytest.approx(expected, rel=0.01)


def test_flux_is_zero_in_a_tone_and_rises_where_it_changes():
    y = np.concatenate([tone(500, 8000, 1.0), tone(2000, 8000, 1.0)])
    flux = spectral_descriptors(y, 8000, 200)[SPECTRAL.index("flux")]
    assert flux[10:90].max() < 0.02
    assert np.argmax(flux) in range(97, 104)
    assert flux.max() <= np.sqrt(2)


def test_ten_times_the_amplitude_moves_levels_and_no_shape():
    quiet, loud = (described(level * noise(8000, 1.0, 1.0), 8000) for level in (0.03, 0.3))
    assert loud["rms"] - quiet["rms"] == pytest.approx(20, abs=0.01)
    assert loud["loudness"] / quiet["loudness"] == pytest.approx(100**0.23, rel=1e-3)
    for name in (*spectral.MFCC[1:], "centroid", "spread", "flatness", "entropy", "flux", "alpha", "slope0", "crest0"):
        assert loud[name] == pytest.approx(quiet[name], abs=1e-2), name


def test_silence_has_no_shape():
    values = described(np.zeros(8000, np.float32), 8000)
    assert np.isfinite(list(values.values())).all()
    for name in ("flatness", "entropy", "flux", "alpha", "hammarberg", "slope0", "slope500", "crest0", "zcr"):
        assert values[name] == pytest.approx(0, abs=1e-3), name


@pytest.mark.parametrize("sr", [8000, 16000])
def test_a_click_is_flat(sr):
    y = np.zeros(sr, np.float32)
    y[sr // 2] = 0.5
    x = dict(zip(SPECTRAL, spectral_descriptors(y, sr, 100), strict=True))
    assert x["flatness"][50] == pytest.approx(0, abs=1e-3)
    assert x["crest2"][50] == pytest.approx(0, abs=1e-3)


def test_blocks_of_frames_change_nothing(monkeypatch):
    y = noise(8000, 3.0) + tone(300, 8000, 3.0)
    whole = spectral_descriptors(y, 8000, 300)
    monkeypatch.setattr(spectral, "_BLOCK_FRAMES", 37)
    np.testing.assert_allclose(spectral_descriptors(y, 8000, 300), whole, rtol=1e-4, atol=1e-4)
