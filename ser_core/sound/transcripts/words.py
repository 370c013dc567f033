"""The words that every form of transcript is read into, and how times and speakers are parsed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

from ser_core.errors import SerError

_AGENT = re.compile(r"agent|representative|advis[eo]r|operator|service|support", re.IGNORECASE)
_CUSTOMER = re.compile(r"customer|caller|client", re.IGNORECASE)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s?")


class TranscriptError(SerError):
    """A transcript cannot be read. The message never quotes it."""


@dataclass(frozen=True)
class Words:
    """A spoken word, or a whole turn.

    `start_s` and `end_s` are seconds of the recording; `channel` counts from 0. `channel` and `role` are None where
    the transcript does not give them.
    """

    start_s: float
    end_s: float
    text: str
    channel: int | None = None
    role: str | None = None

    @property
    def middle_s(self) -> float:
        """Half way between start and end."""
        return 0.5 * (self.start_s + self.end_s)


def words_of(text: Any, start_s: Any, end_s: Any, channel: Any = None, speaker: Any = None) -> Words | None:
    """The words, or None where the text or a time is missing: some transcribers leave some words without times.

    Args:
        text: the spoken words.
        start_s: seconds, a number or a text such as `4.86` or `4.860s`.
        end_s: seconds.
        channel: from 0; anything but an integer counts as unknown.
        speaker: a name; the role where it contains customer, agent or the like.
    """
    start, end = seconds(start_s), seconds(end_s)
    if not isinstance(text, str) or not text.strip() or start is None or end is None or end < start:
        return None
    known = channel if isinstance(channel, int) and not isinstance(channel, bool) else None
    return Words(start, end, text.strip(), known, role_of(speaker))


def seconds(value: Any) -> float | None:
    """Seconds from a number or its text; None for anything else, and for negative or infinite numbers."""
    if isinstance(value, str):
        match = _SECONDS.fullmatch(value.strip())
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def scaled(value: Any, unit_s: float) -> float | None:
    """Seconds from a number of units of `unit_s` seconds (ticks, milliseconds)."""
    number = seconds(value)
    return None if number is None else number * unit_s


def role_of(speaker: Any) -> str | None:
    """`customer` or `agent` where the speaker's name contains the role; None for `spk_0` and the like."""
    if not isinstance(speaker, str):
        return None
    if _AGENT.search(speaker):  # comes first: "customer service" is the agent
        return "agent"
    return "customer" if _CUSTOMER.search(speaker) else None
