"""Why a date is held back, in a word and a sentence, and the command that lets it pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

_MOST_LINES = 62


class HoldRule(StrEnum):
    """The word that `dates.held_back` begins with."""

    GONE = "gone"
    LOST_CALLS = "lost_calls"
    ALL_REFUSED = "all_refused"
    ALL_SILENT = "all_silent"
    NO_RECORDINGS = "no_recordings"
    FEW_RECORDINGS = "few_recordings"
    DRIFT = "drift"
    NEW_MODEL = "new_model"


SCORE_RULES = frozenset(HoldRule) - {HoldRule.GONE}
"""Rules of `ser score`; the other is of `ser ingest`."""


def rule_of(held_back: str | None) -> HoldRule | None:
    """The rule of a text of `dates.held_back`; None where there is none."""
    word = (held_back or "").partition(":")[0]
    return HoldRule(word) if word in set(HoldRule) else None


def gone_reasons(counts: Iterable[Mapping[str, Any]], limit: float) -> dict[dt.date, str]:
    """The dates of a listing that lacks more than the share `limit` of a date's recordings, each with the reason.

    Args:
        counts: rows with call_date, and how many recordings are known and how many of them are gone.
        limit: `retention.max_gone_share`.
    """
    return {
        row["call_date"]: f"{HoldRule.GONE.value}: {row['gone']} of {row['known']} recordings are not listed any more"
        for row in counts
        if row["gone"] > limit * row["known"]
    }


def freeing_command(date: dt.date, held_back: str) -> str:
    """The command that lets a date pass which is held back."""
    if rule_of(held_back) is HoldRule.GONE:
        return f"ser ingest --call-date {date} --retention.max-gone-share 1"
    return f"ser score --call-date {date} --drift.action warn"


def held_lines(held: Mapping[dt.date, str]) -> str:
    """A line for each date that is held back, with its reason and the command that lets it pass."""
    lines = [
        f"  - {date}: {reason}; to let it pass: {freeing_command(date, reason)}"
        for date, reason in sorted(held.items())
    ]
    more = [f"  - and {len(lines) - _MOST_LINES} more: see `ser status`"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])
