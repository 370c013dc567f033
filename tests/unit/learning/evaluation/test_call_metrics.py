from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pytest

from ser_core.learning.evaluation.call_figures import summarise
from ser_core.learning.evaluation.call_metrics import figures
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
    for number, (spoken, heard) in enumerate(calls):
        shared = {"condition": condition, "fold": 0, "call": f"call-{number}", "speaker": "a"}
        rows += [{**shared, **row} for row in timeline(spoken, heard, DURATION_S)]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def frame(*calls: tuple[Sequence[Spoken], Sequence[ScoredSegment]]) -> pd.DataFrame:
    return pieces(*calls).to_pandas()


def test_all_that_is_right_is_right() -> None:
    found = figures(frame((SPOKEN, perfect()), (SPOKEN, perfect())))
    assert (found.calls, found.speech_s) == (2, 32.0)
    assert found.segment_uar == found.call_accuracy == found.speech_recall == 1.0
    assert found.trend_correlation == pytest.approx(1.0)
    assert (found.silence_kept, found.boundary_error_ms) == (0.0, 0.0)
    assert found.recall["sad"] == 1.0
    assert found.recall["bored"] is None


def test_segments_that_come_late() -> None:
    """By 0.1 s: of an utterance of d seconds, d - 0.1 are found, and as much silence is kept as speech is lost."""
    found = figures(frame((SPOKEN, perfect(shift_s=0.1))))
    lost = [0.1 / (one.end_s - one.start_s) for one in SPOKEN]
    assert found.boundary_error_ms == pytest.approx(100)
    assert found.segment_uar == pytest.approx(1 - sum(lost) / 4)
    assert found.speech_recall == pytest.approx(1 - 0.4 / 16)
    assert found.silence_kept == pytest.approx(0.4 / 24)


def test_long_speech_counts_more_than_short_and_each_emotion_alike() -> None:
    spoken = [Spoken(0, 9, "sad"), Spoken(10, 11, "sad"), Spoken(20, 21, "angry")]
    heard = [segment(0, 0, 9, "sad"), segment(1, 10, 11, "angry"), segment(2, 20, 21, "sad")]
    found = figures(frame((spoken, heard)))
    assert found.recall["sad"] == pytest.approx(0.9)
    assert found.recall["angry"] == 0.0
    assert found.segment_uar == pytest.approx(0.45)


def test_what_was_not_heard_or_not_decided_is_wrong() -> None:
    silent = figures(frame((SPOKEN, [])))
    assert (silent.segment_uar, silent.speech_recall, silent.silence_kept, silent.call_accuracy) == (0, 0, 0, 0)
    assert silent.trend_correlation is silent.boundary_error_ms is None
    heard = [segment(i, s.start_s, s.end_s, None) for i, s in enumerate(SPOKEN)]
    abstained = figures(frame((SPOKEN, heard)))
    assert (abstained.segment_uar, abstained.speech_recall) == (0, 1)


def test_one_segment_over_all_keeps_all_silence() -> None:
    found = figures(frame((SPOKEN, [segment(0, 0, DURATION_S, "sad")])))
    assert (found.speech_recall, found.silence_kept) == (1.0, 1.0)
    assert found.segment_uar == pytest.approx(1 / 4)
    assert found.call_accuracy == 1.0  # sad is the longest


def test_the_longest_emotion_makes_the_call() -> None:
    wrong = [segment(i, s.start_s, s.end_s, "happy") for i, s in enumerate(SPOKEN)]
    assert figures(frame((SPOKEN, perfect()), (SPOKEN, wrong))).call_accuracy == 0.5


def test_the_trend_is_the_course_within_a_call() -> None:
    """A call that is heard as its mirror image in time has the opposite trend; a constant error has none."""
    falling = [Spoken(0, 8, "happy"), Spoken(10, 18, "happy"), Spoken(20, 28, "angry"), Spoken(30, 38, "angry")]
    names = ["angry", "angry", "happy", "happy"]
    mirrored = [segment(i, s.start_s, s.end_s, name) for i, (s, name) in enumerate(zip(falling, names, strict=True))]
    assert figures(frame((falling, mirrored))).trend_correlation == pytest.approx(-1.0)
    always = [segment(i, s.start_s, s.end_s, "sad") for i, s in enumerate(falling)]
    assert figures(frame((falling, always))).trend_correlation is None
    assert figures(frame((falling, perfect(falling)), (falling, always))).trend_correlation == pytest.approx(0.5**0.5)


def test_nothing_said_nothing_measured() -> None:
    found = figures(frame(([], [segment(0, 0, 20, "sad")])))
    assert (found.segment_uar, found.call_accuracy, found.speech_recall) == (None, None, None)
    assert found.silence_kept == pytest.approx(0.5)


def test_the_file_gives_the_figures_again() -> None:
    late = perfect(shift_s=0.1)
    parts = [
        pieces((SPOKEN, late)),
        pieces((SPOKEN, perfect()), condition="clean"),
        pieces((SPOKEN, late[:2]), condition="skewed"),
        pieces((SPOKEN, late[:1]), condition="line_unnormalised"),
    ]
    told = summarise(pa.concat_tables(parts))
    assert told["segment_uar_clean"] == 1.0
    assert 0 < told["segment_uar_skewed"] < told["segment_uar"] < 1
    assert told["boundary_error_ms"] == pytest.approx(100)
    assert told["conditions"]["line"]["segment_uar"] == told["segment_uar"]
    assert told["without_normalisation"]["line"]["segment_uar"] < told["segment_uar_skewed"]
