from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.emotions import AFFECT, EMOTIONS
from ser_core.scoring import summarise_call

Call = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    n = draw(st.integers(1, 12))
    gaps = draw(st.lists(st.floats(0, 100), min_size=n, max_size=n))
    durations = draw(st.lists(st.floats(0.5, 8), min_size=n, max_size=n))
    weights = st.lists(st.integers(0, 100), min_size=len(EMOTIONS), max_size=len(EMOTIONS)).filter(any)
    posteriors = np.array(draw(st.lists(weights, min_size=n, max_size=n)), float)
    end = np.cumsum(np.array(gaps) + np.array(durations))
    return end - np.array(durations), end, posteriors / posteriors.sum(axis=1, keepdims=True)


def summary(call: Call, min_confidence: float = 0.0) -> dict[str, Any]:
    return asdict(summarise_call(*call, EMOTIONS, min_confidence))


@given(calls())
def test_shares_sum_to_one_and_means_stay_in_range(call: Call) -> None:
    result = summary(call)
    assert sum(result["shares"].values()) == pytest.approx(1)
    assert result["shares"][result["dominant_emotion"]] == pytest.approx(max(result["shares"].values()))
    assert 0 < result["confidence"] <= 1 + 1e-9
    assert (
        min(a.valence for a in AFFECT.values()) - 1e-9
        <= result["valence"]
        <= max(a.valence for a in AFFECT.values()) + 1e-9
    )
    assert 0 <= result["longest_negative_s"] <= call[1].max() - call[0].min() + 1e-9
    assert not (result["escalated"] and result["valence_change"] > 0)


@given(calls(), st.randoms(use_true_random=False))
def test_the_order_of_segments_is_of_no_account(call: Call, random: Any) -> None:
    order = list(range(len(call[0])))
    random.shuffle(order)
    assert summary(tuple(part[order] for part in call)) == summary(call)  # type: ignore[arg-type]


@given(calls(), st.integers(0, 10_000))
def test_a_later_call_is_the_same_call(call: Call, shift: int) -> None:
    start, end, posteriors = call
    moved, result = summary((start + shift, end + shift, posteriors)), summary(call)
    assert moved["shares"] == pytest.approx(result["shares"])
    assert moved["valence"] == pytest.approx(result["valence"])


@given(calls())
def test_the_whole_is_the_mean_of_its_quarters(call: Call) -> None:
    """By a second way: quarters weighted by the speech in them, found one segment at a time."""
    start, end, _ = call
    first, span = start.min(), end.max() - start.min()
    speech = [0.0] * 4
    for s, e in zip(start, end, strict=True):
        speech[min(int(4 * ((0.5 * (s + e) - first) / span)), 3)] += e - s
    result = summary(call)
    total = sum(
        mean * seconds for mean, seconds in zip(result["valence_quarters"], speech, strict=True) if mean is not None
    )
    assert [mean is not None for mean in result["valence_quarters"]] == [seconds > 0 for seconds in speech]
    assert total / sum(speech) == pytest.approx(result["valence"])


@given(calls(), st.floats(0, 1))
def test_what_is_asked_of_a_segment_parts_speech_in_two(call: Call, asked: float) -> None:
    start, end, posteriors = call
    result, plain = summary(call, asked), summary(call)
    sure = [float(np.float32(row.max())) >= float(np.float32(asked)) for row in posteriors]
    decided_s = sum(e - s for s, e, one in zip(start, end, sure, strict=True) if one)
    assert result["undecided_s"] == pytest.approx(result["speech_s"] - decided_s, abs=1e-9)
    assert (result["dominant_emotion"] is None) == (not any(sure)) == (result["shares"] == {})
    assert sum(result["shares"].values()) == pytest.approx(float(any(sure)))
    kept = [name for name in plain if name not in {"shares", "dominant_emotion", "confidence", "undecided_s"}]
    assert {name: result[name] for name in kept} == {name: plain[name] for name in kept}
