"""Frames of speech and pauses, of courses of level that are known."""

import numpy as np
import pytest

from ser_core.sound.features.relative.active_frames import PAUSES, active_frames, inner, pauses, runs


def levels(*parts):
    """Frames of levels: (decibels, frames) in turn."""
    return np.concatenate([np.full(frames, db, np.float32) for db, frames in parts])


def test_what_is_30_db_below_the_loud_level_is_a_pause():
    active = active_frames(levels((-20, 50), (-55, 30), (-25, 50), (-55, 20)))
    np.testing.assert_allclose(runs(active), [(0, 50), (80, 130)], atol=1)


def test_the_level_of_the_recording_changes_nothing():
    course = levels((-20, 50), (-55, 30), (-25, 50))
    np.testing.assert_array_equal(active_frames(course), active_frames(course - 40))


@pytest.mark.parametrize(("gap", "whole"), [(3, True), (12, False)])
def test_the_closure_of_a_plosive_is_speech_and_a_longer_gap_is_not(gap, whole):
    assert active_frames(levels((-20, 50), (-70, gap), (-20, 50))).all() == whole


def test_over_a_noisy_line_the_pause_is_what_is_near_the_noise():
    active = active_frames(levels((-20, 50), (-35, 30), (-20, 50)))
    assert active[:50].all() and not active[52:78].any()


@pytest.mark.parametrize("course", [levels((-100, 40)), levels((-20, 2), (-90, 40)), levels((-30, 1))])
def test_with_too_few_active_frames_all_count(course):
    assert active_frames(course).all()


def test_runs():
    np.testing.assert_array_equal(runs(np.array([1, 1, 0, 1, 0, 0, 1], bool)), [(0, 2), (3, 4), (6, 7)])
    assert runs(np.zeros(3, bool)).shape == (0, 2)


def test_shares_and_lengths_of_pauses():
    active = np.ones(200, bool)
    active[:10] = active[190:] = False  # before and behind the speech is no pause
    active[50:60] = active[100:130] = False
    found = dict(zip(PAUSES, pauses(active), strict=True))
    assert found["share"] == pytest.approx(40 / 180)
    assert found["rate"] == pytest.approx(2 / 1.8)
    assert np.exp(found["mean"]) == pytest.approx(0.2 + 0.05)
    assert np.exp(found["longest"]) == pytest.approx(0.3 + 0.05)


def test_speech_without_a_pause():
    assert pauses(np.ones(20, bool)).tolist() == pytest.approx([0, 0, np.log(0.05), np.log(0.05)])


def test_frames_whose_slope_reaches_over_no_gap():
    kept = np.ones(20, bool)
    kept[8:12] = False
    assert np.flatnonzero(inner(kept)).tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    assert inner(np.array([1, 0, 1, 0, 1], bool)).all()
