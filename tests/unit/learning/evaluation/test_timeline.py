from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.learning.evaluation.timeline import ScoredSegment, Spoken, timeline


def scored(segment: int, start_s: float, end_s: float, emotion: str | None = "sad") -> ScoredSegment:
    return ScoredSegment(segment, start_s, end_s, emotion, {"sad": 0.75, "happy": 0.25})


def test_cut_at_every_boundary() -> None:
    rows = timeline([Spoken(1, 3, "sad"), Spoken(4, 5, "angry")], [scored(7, 2, 4.5)], 6.0)
    result = [(row["start_s"], row["end_s"], row["truth"], row.get("emotion"), row.get("segment")) for row in rows]
    assert result == [
        (0, 1, None, None, None),
        (1, 2, "sad", None, None),
        (2, 3, "sad", "sad", 7),
        (3, 4, None, "sad", 7),
        (4, 4.5, "angry", "sad", 7),
        (4.5, 5, "angry", None, None),
        (5, 6, None, None, None),
    ]
    assert [row["utterance"] for row in rows] == [None, 0, 0, None, 1, 1, None]
    assert rows[2]["p_sad"] == 0.75


def test_the_call_ends_where_it_ends() -> None:
    rows = timeline([Spoken(1, 3, "sad")], [scored(0, 0.5, 9)], 2.0)
    assert [(row["start_s"], row["end_s"]) for row in rows] == [(0, 0.5), (0.5, 1), (1, 2)]


def test_nothing_lasts_no_time() -> None:
    with pytest.raises(ValueError, match="expected start_s < end_s"):
        timeline([Spoken(1, 1, "sad")], [], 2.0)
    with pytest.raises(ValueError, match="expected start_s < end_s"):
        timeline([], [scored(0, 2, 1)], 2.0)


spans = st.tuples(st.floats(0, 10), st.floats(0, 10)).map(sorted).filter(lambda span: span[0] < span[1])


@given(st.lists(spans, max_size=5), st.lists(spans, max_size=5))
def test_time_is_neither_lost_nor_doubled(utterances: list[list[float]], segments: list[list[float]]) -> None:
    rows = timeline(
        [Spoken(*span, "sad") for span in utterances], [scored(i, *span) for i, span in enumerate(segments)], 10.0
    )
    edges = [row["start_s"] for row in rows] + [rows[-1]["end_s"]]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (0, 10)
    for row in rows:
        middle = (row["start_s"] + row["end_s"]) / 2
        if row["start_s"] < middle < row["end_s"]:
            assert (row["truth"] is not None) == any(start <= middle < end for start, end in utterances)
            assert (row.get("segment") is not None) == any(start <= middle < end for start, end in segments)
