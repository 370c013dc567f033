"""Loudness, and when two channels match."""

import numpy as np
import pytest

from ser_core.sound.audio import ChannelLevels, loudness_dbfs
from tests.support.audio import noise, tone

VOICE, OTHER = tone(200, 8000, 2.0), noise(8000, 2.0)


def levels(*channels):
    block = np.stack(channels, axis=1)
    measured = ChannelLevels(len(channels))
    for start in range(0, len(block), 3000):
        measured.add(block[start : start + 3000])
    return measured


def test_a_square_wave_of_full_scale_is_0_dbfs_and_a_sine_3_below():
    square = np.sign(tone(100, 8000, 1.0)) + (tone(100, 8000, 1.0) == 0)
    assert levels(square.astype(np.float32)).loudness_dbfs(0) == pytest.approx(0.0, abs=1e-6)
    assert levels(tone(100, 8000, 1.0, level=1.0)).loudness_dbfs(0) == pytest.approx(-3.0103, abs=1e-3)


def test_digital_silence_is_at_the_floor():
    assert levels(np.zeros(100, np.float32)).loudness_dbfs(0) == -120.0
    assert loudness_dbfs(np.full(10, 1e-15, np.float32)) == loudness_dbfs(np.empty(0, np.float32)) == -120.0


@pytest.mark.parametrize(
    ("right", "match"),
    [
        (VOICE, True),
        (VOICE + 0.01 * OTHER, True),
        (VOICE + np.float32(0.2), True),
        (OTHER, False),
        (-VOICE, False),
        (0.5 * VOICE, False),
        (0 * VOICE, False),
    ],
    ids=["same", "line noise", "offset", "another voice", "inverted", "half as loud", "silence"],
)
def test_two_channels_match_when_they_hardly_differ(right, match):
    assert levels(VOICE, right.astype(np.float32)).channels_match() is match


def test_a_common_offset_does_not_make_quiet_voices_match():
    assert not levels(0.01 * VOICE + np.float32(0.5), 0.01 * OTHER + np.float32(0.5)).channels_match()


def test_silent_channels_never_match_and_only_two_channels_can():
    assert not levels(0 * VOICE, 0 * VOICE).channels_match()
    step = np.sign(VOICE) * np.float32(2**-15)
    assert not levels(step, step).channels_match()  # what a decoder leaves of digital silence
    assert levels(8 * step, 8 * step).channels_match()
    assert not levels(VOICE).channels_match()
    assert not levels(VOICE, VOICE, VOICE).channels_match()
