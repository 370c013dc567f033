"""What a copy changes, against theory: a tone's frequency, a burst's place, a wave's period."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ser_core.sound.augmentation.voice_change import speed, tempo
from tests.support.audio import tone

SR = 16000


def frequency_of(y: npt.NDArray[np.float32]) -> float:
    """Of the strongest partial, in Hz."""
    windowed = y * np.hanning(len(y))
    return float(np.abs(np.fft.rfft(windowed, 1 << 18)).argmax() * SR / (1 << 18))


@pytest.mark.parametrize("factor", [0.87, 0.95, 1.08, 1.15])
def test_speed_moves_pitch_and_length(factor: float) -> None:
    out = speed(tone(440, SR, 2.0), SR, factor)
    assert out.dtype == np.float32
    assert len(out) == pytest.approx(2 * SR / factor, abs=1)
    assert frequency_of(out) == pytest.approx(440 * factor, rel=1e-3)
    assert np.std(out[SR // 4 : SR]) == pytest.approx(0.3 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.08, 1.3])
def test_tempo_moves_the_length_and_keeps_the_wave(factor: float) -> None:
    y = tone(180, SR, 2.0)
    out = tempo(y, SR, factor)
    assert out.dtype == np.float32
    assert len(out) == pytest.approx(2 * SR / factor, abs=1)
    assert frequency_of(out) == pytest.approx(180, rel=1e-3)
    inner = out[SR // 10 : -SR // 10]
    assert np.abs(inner).max() == pytest.approx(0.3, rel=0.03)  # frames meet in phase: nothing is lost between them
    periods = np.diff(np.flatnonzero((inner[:-1] < 0) & (inner[1:] >= 0)))
    assert np.abs(periods - SR / 180).max() < 3


def test_tempo_is_the_same_throughout() -> None:
    """Bursts every 0.5 s come every 0.5 s / factor, within the reach of the search."""
    t = np.arange(3 * SR) / SR
    y = (np.exp(-(((t % 0.5) - 0.25) ** 2) / 1e-4) * np.sin(2 * np.pi * 300 * t)).astype(np.float32)
    out = tempo(y, SR, 1.2)
    envelope = np.convolve(out**2, np.hanning(801), mode="same")
    for burst in range(6):
        due = round((0.25 + 0.5 * burst) / 1.2 * SR)
        near = envelope[due - 2000 : due + 2000]
        assert abs(int(near.argmax()) - 2000) / SR < 0.015


def test_tempo_of_one_is_the_wave_itself() -> None:
    y = np.random.default_rng(0).standard_normal(SR).astype(np.float32)
    np.testing.assert_allclose(tempo(y, SR, 1.0), y, atol=1e-5)


def test_audio_shorter_than_two_frames_is_unchanged() -> None:
    y = tone(440, SR, 0.05)
    np.testing.assert_array_equal(tempo(y, SR, 1.2), y)
