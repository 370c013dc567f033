from __future__ import annotations

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.talk_settings import TalkSettings
from ser_core.scoring.talk import TalkFacts, VoiceActivity, interruptions, talk_facts

SETTINGS: TalkSettings = load_settings(environ={}).talk
Pairs = list[tuple[float, float]]


def voice(
    role: str, speech: Pairs | None, syllables: int | None = 0, duration_s: float = 60.0, level: float = -20
) -> VoiceActivity:
    spans = None if speech is None else np.array(speech, float).reshape(-1, 2)
    return VoiceActivity(role, duration_s, spans, syllables, level)


def facts(customer: Pairs | None, agent: Pairs | None, syllables: int | None = 0) -> TalkFacts:
    return talk_facts([voice("customer", customer, syllables), voice("agent", agent)], SETTINGS)


def test_who_talks_when() -> None:
    result = facts([(0, 10), (20, 25)], [(9, 15), (30, 50)])
    assert (result.duration_s, result.customer_talk_s, result.agent_talk_s, result.crosstalk_s) == (60, 15, 26, 1)
    assert (result.silence_s, result.silences) == (5 + 5 + 10, 3)


def test_a_silence_is_longer_than_the_setting() -> None:
    result = facts([(0, 10), (13, 20), (23.5, 60)], [])
    assert (result.silence_s, result.silences) == (3.5, 1)


def test_nobody_speaks() -> None:
    result = facts([], [])
    assert (result.silence_s, result.silences) == (60, 1)
    zero = (result.customer_talk_s, result.agent_talk_s, result.crosstalk_s, result.interruptions_by_agent)
    assert (*zero, result.interruptions_by_customer, result.speaking_rate, result.articulation_rate) == (0,) * 7


def test_a_mono_call_knows_no_sides() -> None:
    result = talk_facts([voice("mixed", [(10, 60)], 100)], SETTINGS)
    assert (result.duration_s, result.silence_s, result.silences) == (60, 10, 1)
    sides = (result.customer_talk_s, result.agent_talk_s, result.crosstalk_s, result.interruptions_by_agent)
    assert (*sides, result.interruptions_by_customer, result.speaking_rate, result.loudness_dbfs) == (None,) * 7


def test_a_side_that_was_not_measured_is_not_known() -> None:
    result = facts([(0, 10)], None, 40)
    assert (result.customer_talk_s, result.agent_talk_s, result.crosstalk_s, result.silence_s) == (10, None, None, None)
    assert result.articulation_rate == 4
    assert facts([(0, 10)], [], None).speaking_rate is None


def test_two_legs_of_one_role_are_one_side() -> None:
    legs = [voice("agent", [(0, 5)]), voice("agent", [(3, 10)], duration_s=90), voice("customer", [(20, 30)])]
    result = talk_facts(legs, SETTINGS)
    assert (result.agent_talk_s, result.duration_s) == (10, 90)


def test_loudness_is_a_mean_of_power() -> None:
    alone = talk_facts([voice("customer", [], level=-23.5)], SETTINGS)
    assert alone.loudness_dbfs == pytest.approx(-23.5)
    two = talk_facts([voice("customer", [], level=-20), voice("customer", [], level=-120)], SETTINGS)
    assert two.loudness_dbfs == pytest.approx(-20 - 10 * np.log10(2))


def test_rates_with_and_without_pauses() -> None:
    result = facts([(0, 2), (3, 5), (10, 14), (15, 17)], [(5, 10), (14.2, 14.8)], 40)
    assert result.articulation_rate == 40 / 10
    assert result.speaking_rate == 40 / 11  # of three gaps one is the customer's own: the agent speaks in two


def test_a_long_gap_is_no_pause_of_the_speaker() -> None:
    assert facts([(0, 2), (5, 7)], [], 14).speaking_rate == 14 / 7
    assert facts([(0, 2), (5.1, 7.1)], [], 14).speaking_rate == 14 / 4


def test_no_channel_is_an_error() -> None:
    with pytest.raises(ValueError, match="no channel"):
        talk_facts([], SETTINGS)


@pytest.mark.parametrize(
    ("by", "count"),
    [
        ([(9.0, 14.0)], 1),
        ([(9.7, 14.0)], 1),  # at the thresholds: 0.3 s together
        ([(9.8, 14.0)], 0),  # the haste of a usual change of turn
        ([(9.5, 10.5)], 1),  # goes on for 1 s
        ([(9.5, 10.4)], 0),  # a backchannel
        ([(8.0, 14.0)], 1),
        ([(7.9, 14.0)], 0),  # the other does not yield in time
        ([(5.0, 6.0)], 0),  # nor at all
        ([(9.0, 10.0)], 0),  # both stop at once: nobody yields
        ([(0.9, 14.0)], 0),  # the other has hardly begun
        ([(10.0, 14.0)], 0),
        ([(9.0, 9.4), (9.8, 14.0)], 1),  # a pause of 0.4 s does not end a turn
        ([], 0),
    ],
)
def test_what_is_an_interruption(by: Pairs, count: int) -> None:
    of = np.array([[0.0, 5.0], [5.3, 10.0], [30.0, 40.0]])
    assert len(interruptions(np.array(by, float).reshape(-1, 2), of, SETTINGS)) == count


def test_the_threshold_for_having_the_floor() -> None:
    other = np.array([[0.0, 2.0]])
    assert len(interruptions(np.array([[1.0, 4.0]]), other, SETTINGS)) == 1
    assert len(interruptions(np.array([[0.9, 4.0]]), other, SETTINGS)) == 0


def test_who_interrupts_whom() -> None:
    result = facts([(0, 10), (29, 40)], [(9, 20), (22, 30), (39, 50)])
    assert (result.interruptions_by_agent, result.interruptions_by_customer) == (2, 1)
