"""Words beside the voice, from a segment to its call."""

from __future__ import annotations

import numpy as np
import pytest

from ser_core.scoring import summarise_call
from ser_core.scoring.segment_scores import HeardAffect, fuse_valence

CLASSES = ("neutral", "angry")


def test_words_count_where_they_exist() -> None:
    fused = fuse_valence(np.array([0.5, 0.5]), np.array([-1.0, np.nan]), 0.3)
    assert fused == pytest.approx([0.7 * 0.5 - 0.3, 0.5])


def test_a_call_takes_the_fused_valence_everywhere() -> None:
    start = np.arange(4.0)
    neutral = np.tile([1.0, 0.0], (4, 1))
    by_voice = summarise_call(start, start + 1, neutral, CLASSES, 0.0)
    heard = HeardAffect(np.array([0.0, -0.6, -0.6, 0.2]), np.zeros(4))
    with_words = summarise_call(start, start + 1, neutral, CLASSES, 0.0, heard)
    assert (by_voice.valence, by_voice.longest_negative_s, by_voice.recovered) == (0, 0, False)
    assert with_words.valence == pytest.approx(-0.25)
    assert with_words.valence_quarters == pytest.approx((0.0, -0.6, -0.6, 0.2))
    assert (with_words.longest_negative_s, with_words.recovered) == (2, True)
    assert (with_words.arousal, with_words.dominant_emotion) == (by_voice.arousal, by_voice.dominant_emotion)


def test_valence_follows_its_segment_into_their_order() -> None:
    start, posteriors = np.array([10.0, 0.0]), np.tile([1.0, 0.0], (2, 1))
    result = summarise_call(
        start, start + 1, posteriors, CLASSES, 0.0, HeardAffect(np.array([0.9, -0.1]), np.array([0.0, 0.4]))
    )
    assert result.valence_change == pytest.approx(1.0)
    assert result.arousal_change == pytest.approx(-0.4)


@pytest.mark.parametrize("lengths", [(2, 1), (1, 2)])
def test_one_value_a_segment(lengths: tuple[int, int]) -> None:
    affect = HeardAffect(*(np.zeros(length) for length in lengths))
    with pytest.raises(ValueError, match=r"expected \(1,\)"):
        summarise_call(np.zeros(1), np.ones(1), np.ones((1, 2)), CLASSES, 0.0, affect)
