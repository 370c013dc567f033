"""The spectrum of active frames: its gain, its pauses, its levels."""

import numpy as np
import pytest

from ser_core.sound.features.relative.spectrum import LOWEST_DB, cepstrum, mel_decibels, spectrum, spectrum_plan
from tests.support.audio import noise, tone
from tests.support.voices import harmonics

RATES = [8000, 11025, 16000, 44100]


@pytest.mark.parametrize("sr", RATES)
def test_a_loud_frame_has_the_power_1_whatever_the_gain(sr):
    y = noise(sr, 1.0, 0.1)
    for gain in (1, 0.01):
        of = spectrum(np.float32(gain) * y, spectrum_plan(sr))
        assert np.quantile(of.power.sum(axis=1), 0.95) == pytest.approx(1, abs=0.05)
        assert np.quantile(of.level_db, 0.95) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("sr", RATES)
def test_loud_is_the_level_under_the_window(sr):
    plan = spectrum_plan(sr)
    under_window = 0.2 / np.sqrt(2) * np.sqrt(0.375 * plan.window / plan.n_fft)
    assert spectrum(tone(1000, sr, 1.0, 0.2), plan).loud == pytest.approx(under_window, rel=0.01)


def test_levels_count_from_the_loud_level():
    quiet = np.float32(10 ** (-10 / 20))
    y = np.concatenate([harmonics(150, 8000, 1.0), quiet * harmonics(150, 8000, 1.0)])
    of = spectrum(y, spectrum_plan(8000))
    assert np.median(of.level_db[:90]) == pytest.approx(0, abs=0.4)
    assert np.median(of.level_db[-90:]) == pytest.approx(-10, abs=0.5)


def test_a_pause_has_no_frames():
    voice = harmonics(150, 8000, 1.0)
    of = spectrum(np.concatenate([voice, np.zeros(4000, np.float32), voice]), spectrum_plan(8000))
    assert not of.active[104:147].any()
    assert len(of.power) == len(of.level_db) == of.active.sum()


def test_silence_has_a_flat_spectrum_and_the_lowest_level():
    of = spectrum(np.zeros(4000, np.float32), spectrum_plan(8000))
    assert np.ptp(of.power) < 1e-12
    np.testing.assert_allclose(of.level_db, LOWEST_DB, atol=1e-3)


def test_the_first_cepstral_coefficient_follows_the_tilt():
    plan = spectrum_plan(16000)
    white = noise(16000, 1.0, 0.1)
    brown = np.cumsum(white).astype(np.float32)
    tilt = [cepstrum(mel_decibels(spectrum(y - y.mean(), plan).power, plan))[0].mean() for y in (white, brown)]
    assert tilt[1] > tilt[0] + 20


@pytest.mark.parametrize("samples", [1, 40, 300])
def test_a_few_samples_are_padded(samples):
    of = spectrum(noise(8000, 1.0)[:samples], spectrum_plan(8000))
    assert len(of.power) >= 5 and np.isfinite(of.power).all()
