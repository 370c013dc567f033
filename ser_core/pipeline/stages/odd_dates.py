"""Dates that are odd before a segment is scored: empty, with far fewer recordings than usual, or losing their calls."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ser_core.config.drift_settings import DriftSettings
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import HoldRule
from ser_core.scoring.drift import factor_at_least

Plan = Mapping[str, Any]
"""A row of `ser_core.pipeline.stages.score_plan.PLAN`."""

_FEWEST_SILENT = 3  # of real calls, a fifth has no speech at all: two such calls are a usual day
_COMPARING = frozenset({HoldRule.NO_RECORDINGS, HoldRule.FEW_RECORDINGS})


@dataclass(frozen=True)
class Oddity:
    """What is odd about a date. It holds the date back, unless `only_warns`: there is too little to compare with."""

    rule: HoldRule
    detail: str
    only_warns: bool

    def __str__(self) -> str:
        return f"{self.rule.value}: {self.detail}"


@dataclass(frozen=True)
class OddDates:
    """Finds what is odd about a date.

    Attributes:
        dates: the table `dates`.
        settings: limits.
        published: how many calls of a date are published and may not be lost; asked only where `dates` has more calls
            than there are to score.
    """

    dates: Dates
    settings: DriftSettings
    published: Callable[[dt.date], int]

    def oddity(self, date: dt.date, plan: Plan) -> Oddity | None:
        """The first rule that a date breaks by its plan, but for those that a person has accepted for it."""
        accepted = self.dates.accepted(date)
        broken = {
            HoldRule.LOST_CALLS: self._lost(date, plan),
            HoldRule.ALL_REFUSED: _all_refused(plan),
            HoldRule.ALL_SILENT: _all_silent(plan),
            HoldRule.NO_RECORDINGS: self._none(date, plan),
            HoldRule.FEW_RECORDINGS: self._few(date, plan),
        }
        few_dates = self.dates.published() < self.settings.min_days
        for rule, detail in broken.items():
            if detail and rule not in accepted:
                return Oddity(rule, detail, rule in _COMPARING and few_dates)
        return None

    def _lost(self, date: dt.date, plan: Plan) -> str | None:
        if not self._is_lost(self.dates.row(date).get("scored") or 0, plan["calls"]):
            return None
        before = self.published(date)
        if not self._is_lost(before, plan["calls"]):
            return None
        left = f"{plan['refused']} of {plan['recordings']} recordings are refused, {plan['silent']} have no speech"
        return f"{plan['calls']} of {before} published calls would be left; {left}"

    def _is_lost(self, before: int, now: int) -> bool:
        return before > 0 and 1 - now / before > self.settings.max_lost_share

    def _none(self, date: dt.date, plan: Plan) -> str | None:
        usual = None if plan["known"] else self.dates.usual(date, self.settings.baseline_days)
        return None if usual is None else f"no recordings; {date:%A}s have {usual:g}"

    def _few(self, date: dt.date, plan: Plan) -> str | None:
        same = self.dates.same_weekday(date, self.settings.baseline_days)
        usual = statistics.median(same) if same else 0
        few = 0 < plan["known"] * self.settings.volume_factor.refuse < usual
        if not few or factor_at_least(usual, plan["known"]) == 1:  # it may be chance
            return None
        return f"{plan['known']} recordings; {date:%A}s have {usual:g}"


def _all_refused(plan: Plan) -> str | None:
    recordings, calls = plan["recordings"], plan["calls"]
    return f"all of {recordings} recordings" if not calls and recordings and plan["refused"] == recordings else None


def _all_silent(plan: Plan) -> str | None:
    recordings, refused, silent = (plan[name] for name in ("recordings", "refused", "silent"))
    if plan["calls"] or silent < _FEWEST_SILENT or refused + silent < recordings:
        return None
    others = f", and the other {refused} are refused" if refused else ""
    return f"{silent} of {recordings} recordings have no speech{others}"
