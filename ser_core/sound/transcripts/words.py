"""What every form of transcript is read into, and how its times and speakers are understood."""

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
    """A transcript cannot be read. The message never quotes what was said."""


@dataclass(frozen=True)
class Words:
    """Some words that were said: one, or a whole turn.

    `start_s` and `end_s` are seconds of the recording; `channel` counts from 0. `channel` and `role` are None where
    the transcript does not say whose words they are.
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
    """The words, or None where there is no text or a time is not known: some transcribers time most words, not all.

    Args:
        text: what was said.
        start_s: seconds, a number or a text such as `4.86` or `4.860s`.
        end_s: seconds.
        channel: from 0; what is no whole number is not known.
        speaker: a name; one that says customer or agent (or the like) gives the role.
    """
    start, end = seconds(start_s), seconds(end_s)
    if not isinstance(text, str) or not text.strip() or start is None or end is None or end < start:
        return None
    known = channel if isinstance(channel, int) and not isinstance(channel, bool) else None
    return Words(start, end, text.strip(), known, role_of(speaker))


def seconds(value: Any) -> float | None:
    """Seconds from a number or its text; None for anything else, and for what is negative or not finite."""
    if isinstance(value, str):
        found = _SECONDS.fullmatch(value.strip())
        value = float(found[1]) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def scaled(value: Any, unit_s: float) -> float | None:
    """Seconds from a number of units of `unit_s` seconds (ticks, milliseconds)."""
    number = seconds(value)
    return None if number is None else number * unit_s


def role_of(speaker: Any) -> str | None:
    """`customer` or `agent` where the speaker's name says one of them; None for `spk_0` and the like."""
    if not isinstance(speaker, str):
        return None
    if _AGENT.search(speaker):  # asked first: "customer service" is the agent
        return "agent"
    return "customer" if _CUSTOMER.search(speaker) else None
