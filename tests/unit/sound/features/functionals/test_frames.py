"""Frames, the bounds of speech, slopes."""

import numpy as np
import pytest

from ser_core.sound.features.functionals.frames import delta, framed, smoothed, speech_bounds
from ser_core.sound.speech.bands import hop_length
from tests.support.audio import noise, tone

SR = 8000


@pytest.mark.parametrize(("sr", "hop"), [(8000, 80), (11025, 110), (16000, 160), (22050, 220), (48000, 480)])
def test_a_hundred_frames_a_second(sr, hop):
    assert hop_length(sr) == hop


@pytest.mark.parametrize(("samples", "n"), [(1, 5), (400, 5), (1000, 12), (1079, 13)])
def test_frames_are_centred_on_the_middles_of_hops(samples, n):
    y = np.arange(1, samples + 1, dtype=np.float32)
    frames = framed(y, 200, 80, n)
    assert frames.shape == (n, 200)
    for i in range(n):
        at = np.arange(200) + i * 80 - 60
        inside = (at >= 0) & (at < samples)
        np.testing.assert_array_equal(frames[i], np.where(inside, at + 1, 0))


@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_silence_around_a_tone_is_cut_whatever_the_offset(offset):
    quiet = noise(SR, 0.5, 0.0005)
    y = np.concatenate([quiet, tone(300, SR, 1.0), quiet]) + np.float32(offset)
    start, stop = speech_bounds(y, SR)
    assert start == pytest.approx(0.5 * SR, abs=0.06 * SR) and start <= 0.5 * SR
    assert stop == pytest.approx(1.5 * SR, abs=0.06 * SR) and stop >= 1.5 * SR


@pytest.mark.parametrize("y", [np.zeros(SR), np.ones(1), np.zeros(200), np.ones(SR)])
def test_where_no_frame_is_loud_everything_is_kept(y):
    assert speech_bounds(y.astype(np.float32), SR) == (0, len(y))


def test_the_slope_of_a_line_is_its_slope():
    x = np.stack([np.arange(20), 3 - 0.5 * np.arange(20), np.full(20, 7)]).astype(np.float32)
    np.testing.assert_allclose(delta(x)[:, 2:-2], np.array([[1], [-0.5], [0]]) + np.zeros(16), atol=1e-6)


def test_the_ends_of_a_slope_see_the_end_repeated():
    x = np.array([[4, 6, 7, 7, 7]], np.float32)
    assert delta(x)[0, 0] == pytest.approx((1 * (6 - 4) + 2 * (7 - 4)) / 10)


def test_smoothing_is_the_mean_of_three():
    np.testing.assert_allclose(smoothed(np.array([3, 0, 0, 6, 9], np.float32)), [2, 1, 2, 5, 8])
