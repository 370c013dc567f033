"""Dates that are odd by what there is to score: which rule they break, and whether it holds them back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ser_core.config import load_settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.stages.odd_dates import OddDates, Oddity
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import HoldRule

MONDAY = dt.date(2026, 3, 30)
SETTINGS = load_settings(environ={}).drift
EMPTY = {"calls": 0, "recordings": 0, "known": 0, "refused": 0, "silent": 0}


def plan(recordings: int = 40, **values: int) -> dict[str, Any]:
    """A usual date: a call for each recording."""
    return {**EMPTY, "recordings": recordings, "known": recordings, "calls": recordings, **values}


@pytest.fixture
def dates(tmp_path: Path) -> Dates:
    """Four weeks of 40 recordings a weekday, and nothing at weekends, all published."""
    table = Dates(TableStore(FolderStorage(tmp_path)))
    for day in (MONDAY - dt.timedelta(days=n) for n in range(1, 29)):
        if day.weekday() < 5:
            table.update(day, listed=40, scored=40, models=["m/1"], model_version="m/1", open=False)
    return table


def broken(dates: Dates, row: dict[str, Any], day: dt.date = MONDAY, **values: Any) -> Oddity | None:
    published = values.pop("published", 40)
    settings = SETTINGS.model_copy(update=values.pop("settings", {}))
    return OddDates(dates, settings, lambda _: published).oddity(day, row)


def publish(dates: Dates, scored: int) -> None:
    dates.update(MONDAY, scored=scored, models=["m/1"], model_version="m/1")


ROWS = {
    HoldRule.ALL_REFUSED: plan(calls=0, refused=40),
    HoldRule.ALL_SILENT: plan(calls=0, silent=38, refused=2),
    HoldRule.NO_RECORDINGS: EMPTY,
    HoldRule.FEW_RECORDINGS: plan(2),
}


def test_a_usual_date_breaks_no_rule(dates: Dates) -> None:
    assert broken(dates, plan()) is None
    assert broken(dates, plan(calls=5, silent=20, refused=15)) is None
    publish(dates, 40)
    assert broken(dates, plan()) is None


@pytest.mark.parametrize("rule", ROWS)
def test_each_rule_holds_its_date(dates: Dates, rule: HoldRule) -> None:
    odd = broken(dates, ROWS[rule])
    assert odd is not None
    assert (odd.rule, odd.only_warns) == (rule, False)
    assert str(odd).startswith(f"{rule.value}: ")


@pytest.mark.parametrize("rule", ROWS)
def test_an_accepted_rule_holds_nothing(dates: Dates, rule: HoldRule) -> None:
    dates.accept(MONDAY, rule)
    assert broken(dates, ROWS[rule]) is None


@pytest.mark.parametrize("rule", ROWS)
def test_without_enough_published_dates_comparisons_only_warn(tmp_path: Path, rule: HoldRule) -> None:
    few = Dates(TableStore(FolderStorage(tmp_path / "few")))
    for week in (1, 2):
        few.update(MONDAY - dt.timedelta(weeks=week), listed=40, models=["m/1"])
    odd = broken(few, ROWS[rule])
    assert odd is not None
    assert (odd.rule, odd.only_warns) == (rule, rule in {HoldRule.NO_RECORDINGS, HoldRule.FEW_RECORDINGS})


@pytest.mark.parametrize("rule", [HoldRule.ALL_REFUSED, HoldRule.ALL_SILENT, HoldRule.NO_RECORDINGS])
def test_a_published_date_that_is_empty_loses_its_calls(dates: Dates, rule: HoldRule) -> None:
    publish(dates, 40)
    odd = broken(dates, ROWS[rule])
    assert odd is not None
    assert (odd.rule, odd.only_warns) == (HoldRule.LOST_CALLS, False)


@pytest.mark.parametrize(("calls", "is_lost"), [(40, False), (20, False), (19, True), (0, True)])
def test_a_date_may_lose_a_share_of_its_calls(dates: Dates, calls: int, is_lost: bool) -> None:
    publish(dates, 40)
    odd = broken(dates, plan(calls=calls, refused=40 - calls))
    assert (odd is not None and odd.rule is HoldRule.LOST_CALLS) == is_lost
    assert broken(dates, plan(calls=max(calls, 1)), settings={"max_lost_share": 1.0}) is None
    if odd:
        assert f"{calls} of 40 published calls would be left; {40 - calls} of 40 recordings are refused" in str(odd)


def test_calls_that_may_be_lost_are_not_lost(dates: Dates) -> None:
    publish(dates, 40)
    assert broken(dates, plan(10)) is not None
    assert broken(dates, plan(10), published=12) is None  # the others have been erased, or have another date


@pytest.mark.parametrize(
    "row",
    [
        plan(2, known=40, calls=0, silent=2),  # two calls without speech are a usual day
        plan(calls=0),  # not extracted yet, or of roles that are not scored
        plan(calls=0, silent=10),
        plan(1, known=40, calls=40, refused=1),  # the audio of the others is gone, their calls are kept
    ],
)
def test_what_is_not_empty(dates: Dates, row: dict[str, Any]) -> None:
    assert broken(dates, row) is None


def test_a_weekday_without_recordings_is_held_only_if_it_always_has_some(dates: Dates) -> None:
    odd = broken(dates, EMPTY)
    assert odd is not None
    assert odd.detail == "no recordings; Mondays have 40"
    assert broken(dates, EMPTY, MONDAY - dt.timedelta(days=1)) is None  # Sunday
    assert broken(dates, {**EMPTY, "known": 40}) is None  # they are gone, their calls are kept
    dates.update(MONDAY - dt.timedelta(weeks=2), listed=0, scored=0)
    assert broken(dates, EMPTY) is None
    dates.accept(MONDAY - dt.timedelta(weeks=2), HoldRule.NO_RECORDINGS)  # a holiday
    assert broken(dates, EMPTY) is not None


def test_few_recordings_may_be_chance(dates: Dates) -> None:
    assert broken(dates, plan(3)) is not None
    assert broken(dates, plan(8)) is None  # a fifth is not a tenth
    for week in range(1, 5):
        dates.update(MONDAY - dt.timedelta(weeks=week), listed=12, scored=12)
    assert broken(dates, plan(1)) is None
    assert broken(dates, plan(400)) is None
