"""Speech of a call's channels → talk facts: silence, crosstalk, interruptions and rates. Independent of any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_core.config.talk_settings import TalkSettings
from ser_core.scoring.spans import NONE, Spans, gaps, holds, intersection, joined, total_s, union

_ROUNDING_S = 1e-6  # so that rounding does not decide about a threshold that is met exactly


@dataclass(frozen=True)
class VoiceActivity:
    """A channel of a call: `speech` (n, 2) in seconds and `syllables`, each None where not measured."""

    role: str
    duration_s: float
    speech: Spans | None
    syllables: int | None
    loudness_dbfs: float


@dataclass(frozen=True)
class TalkFacts:
    """Talk facts of a call; times in seconds, rates in syllables per second.

    Values that need a side (customer, agent) are None where it was not recorded separately or not measured, as in a
    mono recording of both. They are 0 where the side was recorded and never speaks.

    - `duration_s`: of the longest channel. All channels are assumed to start together.
    - `customer_talk_s`, `agent_talk_s`: time with speech in any channel of the role.
    - `silence_s`, `silences`: total and number of the stretches longer than `talk.silence_s` without speech in any
      channel, including those before the first and after the last speech.
    - `crosstalk_s`: time in which both sides speak.
    - `interruptions_by_agent`, `interruptions_by_customer`: see `interruptions`.
    - `speaking_rate`: the customer's syllables over talk time and own pauses; `articulation_rate`: over talk time alone
      (speech rate and articulation rate of de Jong & Wempe 2009, Behavior Research Methods 41, 385-390, who count in
      monologues). An own pause lies between two stretches of the customer's speech, is at most `talk.silence_s` long,
      and has no speech of the agent.
    - `loudness_dbfs`: root mean square of the customer's whole channel.
    """

    duration_s: float
    customer_talk_s: float | None
    agent_talk_s: float | None
    silence_s: float | None
    silences: int | None
    crosstalk_s: float | None
    interruptions_by_agent: int | None
    interruptions_by_customer: int | None
    speaking_rate: float | None
    articulation_rate: float | None
    loudness_dbfs: float | None


def talk_facts(voices: Sequence[VoiceActivity], settings: TalkSettings) -> TalkFacts:
    """The talk facts of one call.

    Raises:
        ValueError: there is no voice.
    """
    if not voices:
        raise ValueError("a call has no channel; expected at least one")
    customer, agent = _side(voices, "customer"), _side(voices, "agent")
    duration_s = max(voice.duration_s for voice in voices)
    quiet = _silences(voices, duration_s, settings.silence_s)
    sides = (customer, agent) if customer is not None and agent is not None else None
    speaking_rate, articulation_rate = _rates(voices, customer, agent, settings.silence_s)
    return TalkFacts(
        duration_s=duration_s,
        customer_talk_s=None if customer is None else total_s(customer),
        agent_talk_s=None if agent is None else total_s(agent),
        silence_s=None if quiet is None else total_s(quiet),
        silences=None if quiet is None else len(quiet),
        crosstalk_s=None if sides is None else total_s(intersection(*sides)),
        interruptions_by_agent=None if sides is None else len(interruptions(sides[1], sides[0], settings)),
        interruptions_by_customer=None if sides is None else len(interruptions(*sides, settings)),
        speaking_rate=speaking_rate,
        articulation_rate=articulation_rate,
        loudness_dbfs=_loudness(voices),
    )


def interruptions(by: Spans, of: Spans, settings: TalkSettings) -> Spans:
    """The turns of `by` that interrupt a turn of `of`.

    Turns are stretches of speech with gaps up to `pause_s` filled. A turn is an interruption where

    - the other has been speaking for at least `interruption_floor_s` when it begins,
    - both then speak for at least `interruption_overlap_s`,
    - it lasts at least `interruption_hold_s`, and
    - the other's turn ends within `interruption_yield_s`, and before it does.

    This excludes backchannels ("mhm"), failed attempts, and turns that begin a little early: overlaps between speakers
    are common and short (Heldner & Edlund 2010, "Pauses, gaps and overlaps in conversations", J. Phonetics 38,
    555-568). An interruption differs from overlap in that the interrupted speaker yields (Beattie 1982, "Turn-taking
    and interruption in political interviews", Semiotica 39, 93-114). The thresholds are this project's own.

    Args:
        by: speech of the side that may interrupt, (n, 2).
        of: speech of the other side, (m, 2).
        settings: the thresholds, in seconds.

    Returns:
        (k, 2), turns of `by`.
    """
    turns, others = joined(by, settings.pause_s), joined(of, settings.pause_s)
    if not len(turns) or not len(others):
        return NONE
    start, end = turns.T
    index = np.searchsorted(others[:, 0], start, side="left") - 1
    began, ended = others[np.maximum(index, 0)].T
    floor, overlap, hold = start - began, ended - start, end - start
    interrupts = (
        (index >= 0)
        & (floor >= settings.interruption_floor_s - _ROUNDING_S)
        & (overlap >= settings.interruption_overlap_s - _ROUNDING_S)
        & (overlap > 0)
        & (overlap <= settings.interruption_yield_s + _ROUNDING_S)
        & (hold >= settings.interruption_hold_s - _ROUNDING_S)
        & (end > ended)
    )
    return _rows(turns, interrupts)


def _side(voices: Sequence[VoiceActivity], role: str) -> Spans | None:
    speech = [voice.speech for voice in voices if voice.role == role]
    known = [spans for spans in speech if spans is not None]
    return union(known) if known and len(known) == len(speech) else None


def _silences(voices: Sequence[VoiceActivity], duration_s: float, longer_than_s: float) -> Spans | None:
    known = [voice.speech for voice in voices if voice.speech is not None]
    if len(known) < len(voices):
        return None
    quiet = gaps(union(known), duration_s)
    return _rows(quiet, quiet[:, 1] - quiet[:, 0] > longer_than_s)


def _rates(
    voices: Sequence[VoiceActivity], customer: Spans | None, agent: Spans | None, silence_s: float
) -> tuple[float | None, float | None]:
    counts = [voice.syllables for voice in voices if voice.role == "customer"]
    known = [count for count in counts if count is not None]
    if customer is None or len(known) < len(counts):
        return None, None
    talk_s = total_s(customer)
    if talk_s <= 0:
        return 0.0, 0.0
    return sum(known) / (talk_s + _own_pauses_s(customer, agent, silence_s)), sum(known) / talk_s


def _own_pauses_s(customer: Spans, agent: Spans | None, silence_s: float) -> float:
    pauses = np.column_stack([customer[:-1, 1], customer[1:, 0]])
    pauses = pauses[pauses[:, 1] - pauses[:, 0] <= silence_s + _ROUNDING_S]
    if agent is None or not len(agent):
        return total_s(pauses)
    following = np.searchsorted(agent[:, 0], pauses[:, 0], side="left")
    begins_in_it = np.r_[agent[:, 0], np.inf][following] < pauses[:, 1]
    return total_s(pauses[~begins_in_it & ~holds(agent, pauses[:, 0])])


def _loudness(voices: Sequence[VoiceActivity]) -> float | None:
    """Mean power of the customer's channels, weighted by their durations, in dBFS."""
    own = [voice for voice in voices if voice.role == "customer"]
    seconds = sum(voice.duration_s for voice in own)
    if seconds <= 0:
        return None
    power = sum(voice.duration_s * 10 ** (voice.loudness_dbfs / 10) for voice in own)
    return float(10 * np.log10(power / seconds))


def _rows(spans: Spans, which: npt.NDArray[np.bool_]) -> Spans:
    chosen: Spans = spans[which]
    return chosen
