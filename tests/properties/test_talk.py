"""Laws of time: what is spoken and what is not make up the call, whoever is looked at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.config import load_settings
from ser_core.config.talk_settings import EngagementSettings
from ser_core.scoring.engagement import engagement
from ser_core.scoring.spans import gaps, intersection, joined, total_s, union
from ser_core.scoring.talk import TalkFacts, VoiceActivity, interruptions, talk_facts

SETTINGS = load_settings(environ={}).talk
DURATION_S = 100.0
NO_MINIMUM = SETTINGS.model_copy(update={"silence_s": 0.0})


@st.composite
def speech(draw: st.DrawFn) -> np.ndarray:
    """Any spans of the call on a grid of 50 ms, in any order, overlapping too."""
    edges = st.tuples(st.integers(0, 2000), st.integers(0, 2000)).map(sorted)
    return np.array(draw(st.lists(edges, max_size=12)), float).reshape(-1, 2) / 20


def facts(customer: np.ndarray, agent: np.ndarray, settings: Any = SETTINGS) -> TalkFacts:
    voices = [
        VoiceActivity("customer", DURATION_S, customer, 50, -20.0),
        VoiceActivity("agent", DURATION_S, agent, 50, -20.0),
    ]
    return talk_facts(voices, settings)


@given(speech(), speech())
def test_talk_and_silence_make_up_the_call(customer: np.ndarray, agent: np.ndarray) -> None:
    result = facts(customer, agent, NO_MINIMUM)
    assert None not in (result.customer_talk_s, result.agent_talk_s, result.crosstalk_s, result.silence_s)
    spoken = result.customer_talk_s + result.agent_talk_s - result.crosstalk_s  # type: ignore[operator]
    assert spoken + result.silence_s == pytest.approx(DURATION_S)


@given(speech(), speech())
def test_crosstalk_is_the_same_from_either_side(customer: np.ndarray, agent: np.ndarray) -> None:
    one, other = facts(customer, agent), facts(agent, customer)
    assert one.crosstalk_s == pytest.approx(other.crosstalk_s)
    assert one.crosstalk_s <= min(one.customer_talk_s, one.agent_talk_s) + 1e-9  # type: ignore[operator,type-var]
    assert (one.interruptions_by_agent, one.interruptions_by_customer) == (
        other.interruptions_by_customer,
        other.interruptions_by_agent,
    )


@given(speech(), speech(), st.randoms(use_true_random=False))
def test_order_is_of_no_account(customer: np.ndarray, agent: np.ndarray, random: Any) -> None:
    shuffled = [spans[random.sample(range(len(spans)), len(spans))] for spans in (customer, agent)]
    assert facts(*shuffled) == facts(customer, agent)


@given(speech(), speech())
def test_every_moment_on_a_fine_grid(customer: np.ndarray, agent: np.ndarray) -> None:
    """By a second way: what is true at the middle of each 50 ms."""
    at = np.arange(0.025, DURATION_S, 0.05)
    a, b = (((spans[:, :1] <= at) & (at < spans[:, 1:])).any(axis=0) for spans in (customer, agent))
    ours = joined(customer), joined(agent)
    assert total_s(intersection(*ours)) == pytest.approx(0.05 * (a & b).sum())
    assert total_s(union(ours)) == pytest.approx(0.05 * (a | b).sum())
    assert total_s(gaps(ours[0], DURATION_S)) == pytest.approx(0.05 * (~a).sum())


@given(speech(), speech())
def test_interruptions_by_the_letter_of_the_rule(by: np.ndarray, of: np.ndarray) -> None:
    s = SETTINGS
    turns, others = joined(by, s.pause_s).tolist(), joined(of, s.pause_s).tolist()
    expected = [
        [start, end]
        for start, end in turns
        if any(
            began < start < ended < end
            and round(start - began, 6) >= s.interruption_floor_s
            and s.interruption_overlap_s <= round(ended - start, 6) <= s.interruption_yield_s
            and round(end - start, 6) >= s.interruption_hold_s
            for began, ended in others
        )
    ]
    assert interruptions(by, of, s).tolist() == expected


@given(speech(), speech())
def test_pauses_make_speech_slower_and_never_faster(customer: np.ndarray, agent: np.ndarray) -> None:
    result = facts(customer, agent)
    assert 0 <= result.speaking_rate <= result.articulation_rate  # type: ignore[operator]


_weight = st.floats(0.01, 10)


@given(
    st.floats(-1, 1),
    st.none() | st.floats(-2, 2),
    st.none() | st.floats(0, 1),
    st.builds(EngagementSettings, arousal=_weight, valence_trend=_weight, talk_share=_weight),
    st.floats(0, 1),
)
def test_engagement_stays_in_range_and_rises_with_its_terms(
    arousal: float, change: float | None, share: float | None, weights: EngagementSettings, more: float
) -> None:
    result = engagement(arousal, change, share, weights)
    assert -1e-9 <= result <= 1 + 1e-9
    assert engagement(min(1.0, arousal + more), change, share, weights) >= result - 1e-9
    if change is not None:
        assert engagement(arousal, change + more, share, weights) >= result - 1e-9
    if share is not None:
        assert engagement(arousal, change, min(1.0, share + more), weights) >= result - 1e-9
