"""Windows over a channel that streams by."""

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.sound.segments import SILENCE_DBFS, is_silent, open_segmenter
from tests.support.audio import noise

SR = 8000
SETTINGS = load_settings(environ={}).segments
WINDOWS = SETTINGS.model_copy(update={"mode": "window"})
WHOLE = SETTINGS.model_copy(update={"mode": "whole"})


def cut(y, settings=WINDOWS, block=1000):
    segmenter = open_segmenter(settings, SR)
    segments = []
    for start in range(0, len(y), block):
        segments.extend(segmenter.push(y[start : start + block]))
    return [*segments, *segmenter.finish()]


@pytest.mark.parametrize(
    ("duration_s", "spans"),
    [
        (3.0, [(0, 3.0)]),
        (4.0, [(0, 4.0)]),
        (4.4, [(0, 4.4)]),
        (4.5, [(0, 4.0), (4.0, 4.5)]),
        (8.2, [(0, 4.0), (4.0, 8.2)]),
        (12.0, [(0, 4.0), (4.0, 8.0), (8.0, 12.0)]),
        (0.1, [(0, 0.1)]),
    ],
)
def test_windows_lie_end_to_end_and_a_short_rest_joins_the_last(duration_s, spans):
    y = noise(SR, duration_s)
    segments = cut(y)
    np.testing.assert_allclose([(s.start_s, s.end_s) for s in segments], spans)
    np.testing.assert_array_equal(np.concatenate([s.y for s in segments]), y)


@pytest.mark.parametrize("block", [1, 999, 7777, 100_000])
def test_blocks_change_nothing(block):
    y = noise(SR, 9.3)
    for segment, expected in zip(cut(y, block=block), cut(y), strict=True):
        assert segment[:2] == expected[:2]
        np.testing.assert_array_equal(segment.y, expected.y)


def test_a_window_comes_as_soon_as_its_remainder_is_long_enough():
    segmenter = open_segmenter(WINDOWS, SR)
    assert list(segmenter.push(noise(SR, 4.49))) == []
    assert [s.end_s for s in segmenter.push(noise(SR, 0.02))] == [4.0]


def test_whole_is_one_segment():
    y = noise(SR, 9.3)
    (segment,) = cut(y, WHOLE)
    assert (segment.start_s, segment.end_s) == (0.0, 9.3)
    np.testing.assert_array_equal(segment.y, y)


def test_no_samples_are_no_segments():
    assert cut(np.empty(0, np.float32)) == []


@pytest.mark.parametrize("mode", ["speech", "window", "whole"])
@pytest.mark.parametrize("level", [0.0, 0.7])
def test_silence_from_end_to_end_has_no_segments(mode, level):
    y = np.full(10 * SR, level, np.float32)
    assert cut(y, SETTINGS.model_copy(update={"mode": mode})) == []


def test_a_silent_window_is_left_out_and_time_goes_on():
    y = np.concatenate([noise(SR, 4.0), np.zeros(4 * SR, np.float32), noise(SR, 4.0)])
    assert [(s.start_s, s.end_s) for s in cut(y)] == [(0, 4), (8, 12)]


def test_one_sample_above_the_threshold_is_not_silent():
    y = np.zeros(SR, np.float32)
    step = np.float32(2 * 10 ** (SILENCE_DBFS / 20))
    y[500] = 0.9 * step
    assert is_silent(y)
    y[500] = 1.1 * step
    assert not is_silent(y)
