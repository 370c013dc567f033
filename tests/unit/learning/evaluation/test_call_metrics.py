from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pytest

from ser_core.learning.evaluation.call_metrics import measure_calls, summarise_calls
from ser_core.learning.evaluation.timeline import PREDICTIONS, ScoredSegment, Spoken, timeline

DURATION_S = 40.0
SPOKEN = [Spoken(1, 4, "happy"), Spoken(8, 10, "neutral"), Spoken(20, 26, "sad"), Spoken(30, 35, "angry")]


def segment(number: int, start_s: float, end_s: float, emotion: str | None, name: str | None = None) -> ScoredSegment:
    """All of the posterior is on `name`."""
    return ScoredSegment(number, start_s, end_s, emotion, {name or emotion or "neutral": 1.0})


def perfect(spoken: Sequence[Spoken] = SPOKEN, shift_s: float = 0.0) -> list[ScoredSegment]:
    return [segment(i, s.start_s + shift_s, s.end_s + shift_s, s.emotion) for i, s in enumerate(spoken)]


def pieces(*calls: tuple[Sequence[Spoken], Sequence[ScoredSegment]], condition: str = "line") -> pa.Table:
    rows = []
    for number, (spoken, segments) in enumerate(calls):
        shared = {"condition": condition, "fold": 0, "call": f"call-{number}", "speaker": "a"}
        rows += [{**shared, **row} for row in timeline(spoken, segments, DURATION_S)]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def frame(*calls: tuple[Sequence[Spoken], Sequence[ScoredSegment]]) -> pd.DataFrame:
    return pieces(*calls).to_pandas()


def test_all_that_is_right_is_right() -> None:
    metrics = measure_calls(frame((SPOKEN, perfect()), (SPOKEN, perfect())))
    assert (metrics.calls, metrics.speech_s) == (2, 32.0)
    assert metrics.segment_uar == metrics.call_accuracy == metrics.speech_recall == 1.0
    assert metrics.trend_correlation == pytest.approx(1.0)
    assert (metrics.silence_kept, metrics.boundary_error_ms) == (0.0, 0.0)
    assert metrics.recall["sad"] == 1.0
    assert metrics.recall["bored"] is None


def test_segments_that_come_late() -> None:
    """By 0.1 s: of an utterance of d seconds, d - 0.1 are found, and as much silence is kept as speech is lost."""
    metrics = measure_calls(frame((SPOKEN, perfect(shift_s=0.1))))
    lost = [0.1 / (utterance.end_s - utterance.start_s) for utterance in SPOKEN]
    assert metrics.boundary_error_ms == pytest.approx(100)
    assert metrics.segment_uar == pytest.approx(1 - sum(lost) / 4)
    assert metrics.speech_recall == pytest.approx(1 - 0.4 / 16)
    assert metrics.silence_kept == pytest.approx(0.4 / 24)


def test_recall_is_weighted_by_duration_and_uar_by_emotion() -> None:
    spoken = [Spoken(0, 9, "sad"), Spoken(10, 11, "sad"), Spoken(20, 21, "angry")]
    segments = [segment(0, 0, 9, "sad"), segment(1, 10, 11, "angry"), segment(2, 20, 21, "sad")]
    metrics = measure_calls(frame((spoken, segments)))
    assert metrics.recall["sad"] == pytest.approx(0.9)
    assert metrics.recall["angry"] == 0.0
    assert metrics.segment_uar == pytest.approx(0.45)


def test_speech_without_a_segment_or_a_decision_is_wrong() -> None:
    silent = measure_calls(frame((SPOKEN, [])))
    assert (silent.segment_uar, silent.speech_recall, silent.silence_kept, silent.call_accuracy) == (0, 0, 0, 0)
    assert silent.trend_correlation is silent.boundary_error_ms is None
    segments = [segment(i, s.start_s, s.end_s, None) for i, s in enumerate(SPOKEN)]
    abstained = measure_calls(frame((SPOKEN, segments)))
    assert (abstained.segment_uar, abstained.speech_recall) == (0, 1)


def test_one_segment_over_all_keeps_all_silence() -> None:
    metrics = measure_calls(frame((SPOKEN, [segment(0, 0, DURATION_S, "sad")])))
    assert (metrics.speech_recall, metrics.silence_kept) == (1.0, 1.0)
    assert metrics.segment_uar == pytest.approx(1 / 4)
    assert metrics.call_accuracy == 1.0  # sad is the longest


def test_the_longest_emotion_makes_the_call() -> None:
    wrong = [segment(i, s.start_s, s.end_s, "happy") for i, s in enumerate(SPOKEN)]
    assert measure_calls(frame((SPOKEN, perfect()), (SPOKEN, wrong))).call_accuracy == 0.5


def test_the_trend_is_the_course_within_a_call() -> None:
    """A call that is heard as its mirror image in time has the opposite trend; a constant error has none."""
    falling = [Spoken(0, 8, "happy"), Spoken(10, 18, "happy"), Spoken(20, 28, "angry"), Spoken(30, 38, "angry")]
    names = ["angry", "angry", "happy", "happy"]
    mirrored = [segment(i, s.start_s, s.end_s, name) for i, (s, name) in enumerate(zip(falling, names, strict=True))]
    assert measure_calls(frame((falling, mirrored))).trend_correlation == pytest.approx(-1.0)
    always = [segment(i, s.start_s, s.end_s, "sad") for i, s in enumerate(falling)]
    assert measure_calls(frame((falling, always))).trend_correlation is None
    assert measure_calls(frame((falling, perfect(falling)), (falling, always))).trend_correlation == pytest.approx(
        0.5**0.5
    )


def test_a_call_without_speech_has_no_metrics() -> None:
    metrics = measure_calls(frame(([], [segment(0, 0, 20, "sad")])))
    assert (metrics.segment_uar, metrics.call_accuracy, metrics.speech_recall) == (None, None, None)
    assert metrics.silence_kept == pytest.approx(0.5)


def test_the_file_gives_the_figures_again() -> None:
    late = perfect(shift_s=0.1)
    parts = [
        pieces((SPOKEN, late)),
        pieces((SPOKEN, perfect()), condition="clean"),
        pieces((SPOKEN, late[:2]), condition="skewed"),
        pieces((SPOKEN, late[:1]), condition="line_unnormalised"),
    ]
    summary = summarise_calls(pa.concat_tables(parts))
    assert summary["segment_uar_clean"] == 1.0
    assert 0 < summary["segment_uar_skewed"] < summary["segment_uar"] < 1
    assert summary["boundary_error_ms"] == pytest.approx(100)
    assert summary["conditions"]["line"]["segment_uar"] == summary["segment_uar"]
    assert summary["without_normalisation"]["line"]["segment_uar"] < summary["segment_uar_skewed"]
