"""The voice of a segment: what is steady, what is not, and what a gap may not change."""

import numpy as np
import pytest

from ser_core.sound.features.relative.phonation import PHONATION, phonation, shimmer
from tests.support.audio import noise
from tests.support.voices import harmonics


def voice(y, sr, active=None):
    frames = 1 + len(y) // round(sr / 100)
    active = np.ones(frames, bool) if active is None else active
    of = phonation(y, sr, active)
    return dict(zip(PHONATION, of.x[:, 6:-6], strict=True)), of


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize("f0", [70.0, 90.5, 120.0, 161.3, 220.0, 333.3, 480.0])
def test_a_steady_voice_has_no_shimmer(f0, sr):
    found, _ = voice(harmonics(f0, sr, 1.0), sr)
    assert found["shimmer"].mean() < 0.06
    assert 27.5 * 2 ** (np.median(found["f0"]) / 12) == pytest.approx(f0, rel=0.005)


def test_a_swell_is_no_shimmer():
    t = np.arange(8000) / 8000
    swelling = (harmonics(120, 8000, 1.0) * 10 ** (30 * (t - 1) / 20)).astype(np.float32)
    assert voice(swelling, 8000)[0]["shimmer"].mean() < 0.1


@pytest.mark.parametrize("db", [0.5, 1.0, 2.0])
def test_periods_that_alternate_have_the_shimmer_of_their_difference(db):
    period = 64
    pulses = np.zeros(8000)
    pulses[::period] = 10 ** (db / 40 * (-1) ** np.arange(len(pulses[::period])))
    y = np.convolve(pulses, np.hanning(9), mode="same").astype(np.float32)
    centres = np.arange(10 * period, 110 * period, period, dtype=np.float64)
    assert shimmer(y, centres, np.full(100, period, np.float32)).mean() == pytest.approx(db, rel=0.1)


def test_f0step_is_least_for_a_steady_voice_and_more_for_one_that_moves():
    t = np.arange(16000) / 8000
    wobble = np.interp(t, np.arange(0, 2, 0.01), np.random.default_rng(0).standard_normal(200))
    phase = 2 * np.pi * np.cumsum(150 * (1 + 0.02 * wobble)) / 8000
    shaken = (0.05 * sum(np.cos(k * phase) for k in range(1, 20))).astype(np.float32)
    steady, moving = voice(harmonics(150, 8000, 2.0), 8000)[0], voice(shaken, 8000)[0]
    assert steady["f0step"].mean() == pytest.approx(np.log(0.01), abs=0.3)
    assert moving["f0step"].mean() > steady["f0step"].mean() + 2


@pytest.mark.parametrize("hnr", [0.0, 10.0, 20.0])
def test_the_harmonics_to_noise_ratio_of_a_known_mix(hnr):
    y = harmonics(160, 8000, 4.0, 0.1) + noise(8000, 4.0, 0.1 * 10 ** (-hnr / 20))
    assert voice(y, 8000)[1].hnr.mean() == pytest.approx(hnr, abs=2)


def test_only_active_frames_are_looked_at():
    y = np.concatenate([harmonics(120, 8000, 1.0), harmonics(200, 8000, 1.0)])
    active = np.zeros(201, bool)
    active[:95] = True
    found, of = voice(y, 8000, active)
    assert of.f0.shape == of.hnr.shape == (1, 95) and len(of.voiced) == 95
    assert np.ptp(found["f0"]) < 0.1


def test_noise_and_silence_have_five_voiced_frames_at_least():
    for y in (np.zeros(4000, np.float32), noise(8000, 0.5, 0.1)):
        _, of = voice(y, 8000)
        assert of.voiced.sum() >= 5 and np.isfinite(of.x).all()
