"""Room, tilt, noise and gain, against theory."""

from __future__ import annotations

import numpy as np
import pytest

from ser_core.sound.augmentation.room import add_noise, gain, reverberate, tilt
from tests.support.audio import tone

SR = 16000


def level_db(y: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(y, dtype=np.float64))))


def test_the_response_of_a_room_to_a_click() -> None:
    click = np.zeros(SR, np.float32)
    click[100] = 0.5
    out = reverberate(click, SR, 0.4, 6.0, np.random.default_rng(0))
    assert out.shape == click.shape and out.dtype == np.float32
    assert out[100] == pytest.approx(0.5, abs=1e-5) and np.abs(out[:100]).max() < 1e-6
    tail = out[101:].astype(np.float64)
    assert 10 * np.log10(np.sum(tail**2) / 0.5**2) == pytest.approx(-6.0, abs=0.05)
    levels = [level_db(tail[start : start + SR // 20]) for start in range(0, round(0.3 * SR), SR // 20)]
    slope = np.polyfit(np.arange(len(levels)) / 20, levels, 1)[0]
    assert slope == pytest.approx(-60 / 0.4, rel=0.05)  # 60 dB in the time asked for


@pytest.mark.parametrize("slope", [-1.0, 0.4, 1.0])
def test_the_slope_of_the_tilt(slope: float) -> None:
    for octave in (-3, -1, 0, 1, 2):
        y = tone(1000 * 2.0**octave, SR, 1.0)
        out = tilt(y, SR, slope)
        assert out.dtype == np.float32
        inner = slice(SR // 4, 3 * SR // 4)
        assert level_db(out[inner]) - level_db(y[inner]) == pytest.approx(slope * octave, abs=0.02)


def test_the_tilt_delays_nothing() -> None:
    click = np.zeros(SR, np.float32)
    click[5000] = 0.5
    assert np.abs(tilt(click, SR, 1.0)).argmax() == 5000


@pytest.mark.parametrize("snr_db", [10.0, 30.0])
@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
def test_noise_lies_snr_db_below_the_speech(snr_db: float, colour: float) -> None:
    """Half of the clip is silence, which does not count."""
    y = np.concatenate([np.zeros(SR, np.float32), tone(300, SR, 1.0)])
    added = add_noise(y, SR, snr_db, colour, np.random.default_rng(1)) - y
    assert level_db(y[SR:]) - level_db(added) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize(("colour", "slope"), [(0.0, 0.0), (1.0, -3.01), (2.0, -6.02)])
def test_the_colour_of_noise(colour: float, slope: float) -> None:
    added = add_noise(tone(300, SR, 20.0), SR, 0.0, colour, np.random.default_rng(2)) - tone(300, SR, 20.0)
    power = np.abs(np.fft.rfft(added.astype(np.float64))) ** 2
    octaves = [10 * np.log10(power[round(20 * low) : round(40 * low)].mean()) for low in (125, 250, 500, 1000, 2000)]
    assert np.diff(octaves) == pytest.approx(slope, abs=0.4)


def test_gain() -> None:
    y = tone(440, SR, 0.5)
    assert level_db(gain(y, -3.0)) - level_db(y) == pytest.approx(-3.0, abs=1e-4)
    assert gain(y, 2.0).dtype == np.float32
