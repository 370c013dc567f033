from __future__ import annotations

import numpy as np
import pytest

from ser_core.emotions import AFFECT
from ser_core.scoring import UNDECIDED, CallSummary, score_segments, summarise_call
from ser_core.scoring.call_summary import longest_negative_s

CLASSES = ("neutral", "happy", "sad", "angry")


def certain(*names: str) -> np.ndarray:
    return np.array([[float(name == other) for other in CLASSES] for name in names])


def call(*names: str, seconds: float = 4.0) -> CallSummary:
    start = np.arange(len(names)) * seconds
    return summarise_call(start, start + seconds, certain(*names), CLASSES, 0.0)


def test_a_certain_segment_has_the_affect_of_its_emotion() -> None:
    scores = score_segments(certain("angry", "happy"), CLASSES, 0.0)
    assert [CLASSES[i] for i in scores.emotion] == ["angry", "happy"]
    assert scores.confidence.tolist() == [1.0, 1.0]
    assert scores.valence == pytest.approx([AFFECT["angry"].valence, AFFECT["happy"].valence])
    assert scores.arousal == pytest.approx([AFFECT["angry"].arousal, AFFECT["happy"].arousal])


def test_affect_is_weighted_by_the_posteriors() -> None:
    scores = score_segments(np.array([[0.1, 0.2, 0.3, 0.4]]), CLASSES, 0.0)
    assert scores.valence[0] == pytest.approx(0.2 * 0.81 + 0.3 * -0.63 + 0.4 * -0.51)
    assert scores.confidence[0] == 0.4


def test_the_first_of_equal_classes_wins() -> None:
    assert score_segments(np.full((1, 4), 0.25), CLASSES, 0.0).emotion[0] == 0


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 4\)"):
        score_segments(np.zeros((2, 3)), CLASSES, 0.0)
    with pytest.raises(ValueError, match="do not fit"):
        summarise_call(np.array([]), np.array([]), np.zeros((0, 4)), CLASSES, 0.0)
    with pytest.raises(ValueError, match="end_s > start_s"):
        summarise_call(np.array([1.0]), np.array([1.0]), certain("sad"), CLASSES, 0.0)


def test_shares_are_of_speech_time() -> None:
    start, end = np.array([0.0, 10.0, 20.0]), np.array([6.0, 11.0, 21.0])
    summary = summarise_call(start, end, certain("sad", "happy", "happy"), CLASSES, 0.0)
    assert summary.shares == pytest.approx({"neutral": 0, "happy": 0.25, "sad": 0.75, "angry": 0})
    assert (summary.dominant_emotion, summary.segments, summary.speech_s) == ("sad", 3, 8.0)
    assert summary.confidence == pytest.approx(0.75)
    assert summary.valence == pytest.approx(0.75 * -0.63 + 0.25 * 0.81)
    assert summary.arousal == pytest.approx(0.75 * -0.27 + 0.25 * 0.51)


def test_equal_shares_go_to_the_larger_mean_posterior() -> None:
    posteriors = np.array([[0.1, 0.5, 0.1, 0.3], [0.0, 0.0, 0.1, 0.9]])
    summary = summarise_call(np.array([0.0, 1.1]), np.array([1.1, 2.2]), posteriors, CLASSES, 0.0)
    assert summary.dominant_emotion == "angry"
    assert summary.confidence == pytest.approx(0.6)


def test_a_segment_below_the_confidence_asked_for_is_undecided() -> None:
    posteriors = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.31, 0.39], [0.7, 0.1, 0.1, 0.1]])
    plain, strict = (score_segments(posteriors, CLASSES, asked) for asked in (0.0, 0.4))
    assert strict.emotion.tolist() == [3, UNDECIDED, 0]
    for name in ("confidence", "valence", "arousal"):
        assert getattr(strict, name).tolist() == getattr(plain, name).tolist()
    assert score_segments(posteriors.astype(np.float32), CLASSES, 0.4).emotion.tolist() == [3, UNDECIDED, 0]


def test_shares_are_of_decided_speech_time() -> None:
    start, end = np.array([0.0, 10.0, 20.0]), np.array([6.0, 11.0, 23.0])
    posteriors = np.array([[0.4, 0.3, 0.2, 0.1], [0.0, 0.9, 0.1, 0.0], [0.0, 0.0, 0.1, 0.9]])
    plain, strict = (summarise_call(start, end, posteriors, CLASSES, asked) for asked in (0.0, 0.5))
    assert (plain.dominant_emotion, plain.undecided_s) == ("neutral", 0)
    assert (strict.dominant_emotion, strict.undecided_s, strict.speech_s) == ("angry", 6, 10)
    assert strict.shares == pytest.approx({"neutral": 0, "happy": 0.25, "sad": 0, "angry": 0.75})
    assert strict.confidence == pytest.approx((6 * 0.1 + 3 * 0.9) / 10)
    assert (strict.valence, strict.arousal, strict.valence_quarters) == (
        plain.valence, plain.arousal, plain.valence_quarters
    )  # fmt: skip


def test_a_call_in_which_nothing_is_decided_has_no_emotion() -> None:
    result = summarise_call(np.array([0.0, 3.0]), np.array([2.0, 4.0]), np.full((2, 4), 0.25), CLASSES, 0.5)
    assert (result.dominant_emotion, result.confidence, result.shares) == (None, None, {})
    assert (result.undecided_s, result.speech_s, result.segments) == (3, 3, 2)
    assert result.valence == pytest.approx((0.81 - 0.63 - 0.51) / 4)


def test_quarters_are_of_the_scored_span() -> None:
    start = np.array([100.0, 107.0, 138.0])
    summary = summarise_call(
        start, start + 2, certain("happy", "sad", "angry"), CLASSES, 0.0
    )  # 100 to 140, quarters of 10
    assert summary.valence_quarters[0] == pytest.approx((0.81 - 0.63) / 2)
    assert summary.valence_quarters[1:3] == (None, None)
    assert summary.valence_quarters[3] == pytest.approx(-0.51)
    assert summary.valence_change == pytest.approx(-0.51 - 0.09)
    assert summary.arousal_change == pytest.approx(0.59 - 0.12)


def test_one_segment_has_no_change() -> None:
    summary = call("angry")
    assert summary.valence_change is None
    assert summary.arousal_change is None
    assert not summary.escalated
    assert not summary.recovered
    assert sum(value is not None for value in summary.valence_quarters) == 1


@pytest.mark.parametrize(
    ("names", "escalated", "recovered"),
    [
        (("neutral", "neutral", "angry", "angry"), True, False),
        (("happy", "neutral", "neutral", "sad"), False, False),  # to sad: valence falls, arousal too
        (("angry", "angry", "neutral", "happy"), False, True),
        (("neutral", "sad", "neutral", "neutral"), False, True),
        (("neutral",) * 4, False, False),
        (("angry",) * 4, False, False),
    ],
)
def test_escalation_and_recovery(names: tuple[str, ...], escalated: bool, recovered: bool) -> None:
    summary = call(*names)
    assert (summary.escalated, summary.recovered) == (escalated, recovered)


@pytest.mark.parametrize(
    ("start", "end", "valence", "expected"),
    [
        ([0, 4, 8], [4, 8, 12], [-0.5, -0.5, -0.5], 12),
        ([0, 4, 8], [4, 8, 12], [-0.5, 0.0, -0.5], 4),
        ([0, 7, 20], [4, 11, 23], [-0.5, -0.5, -0.5], 11),  # a gap of 3 s is bridged, one of 9 s is not
        ([0, 7.01], [4, 11], [-0.5, -0.5], 4),
        ([0, 1], [10, 3], [-0.5, -0.5], 10),  # one within the other
        ([0], [4], [-0.2], 0),
    ],
)
def test_the_longest_negative_stretch(
    start: list[float], end: list[float], valence: list[float], expected: float
) -> None:
    result = longest_negative_s(np.array(start, float), np.array(end, float), np.array(valence))
    assert result == pytest.approx(expected)
