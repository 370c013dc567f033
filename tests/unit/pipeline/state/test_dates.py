"""The table `dates`: rows that change, dates that are held back and let pass, weekdays, and what a night works on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ser_core.config import Settings, load_settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import HoldRule, freeing_command, gone_reasons, held_lines, rule_of
from ser_core.pipeline.state.nights import DueDates, Nights, last_complete_day
from ser_core.pipeline.state.scope import Scope

MONDAY = dt.date(2026, 3, 2)
NOW, LATER = (dt.datetime(2026, 3, day, 2, tzinfo=dt.UTC) for day in (3, 4))
DAY = dt.timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(FolderStorage(tmp_path))


@pytest.fixture
def dates(store: TableStore) -> Dates:
    return Dates(store)


def settings(**nightly: int) -> Settings:
    words = [word for name, value in nightly.items() for word in (f"--nightly.{name}", str(value))]
    return load_settings([*words, "--archive.timezone", "Europe/Berlin"], environ={})


def test_rows_are_kept(store: TableStore, dates: Dates) -> None:
    dates.update(MONDAY, listed=4, run_id="a")
    dates.update(MONDAY, extracted=3)
    dates.update(MONDAY + DAY, open=False, models=["m/1", "m/2"])
    dates.save()
    kept = Dates(store)
    assert list(kept) == [MONDAY, MONDAY + DAY]
    assert (kept.row(MONDAY)["listed"], kept.row(MONDAY)["extracted"], kept.row(MONDAY)["open"]) == (4, 3, True)
    assert kept.open_dates() == [MONDAY]
    assert kept.with_model("m/1") == kept.with_model("m/2") == [MONDAY + DAY]
    assert (kept.published(), kept.row(dt.date(2026, 1, 1))) == (1, {})
    with pytest.raises(KeyError, match="colour"):
        dates.update(MONDAY, colour="red")


def test_nothing_is_written_where_nothing_changes(store: TableStore, dates: Dates, tmp_path: Path) -> None:
    dates.update(MONDAY, listed=4, run_id="a")
    dates.save()
    (path,) = tmp_path.rglob("*.parquet")
    before = path.stat().st_mtime_ns
    again = Dates(store)
    again.update(MONDAY, listed=4, run_id="b")
    again.free(MONDAY)
    again.save()
    assert path.stat().st_mtime_ns == before
    assert Dates(store).row(MONDAY)["run_id"] == "a"


def test_a_date_is_held_back_since_its_rule_was_first_broken(dates: Dates) -> None:
    dates.update(MONDAY, open=False)
    dates.hold(MONDAY, "all_refused: all of 4 recordings", "a", NOW)
    dates.hold(MONDAY, "all_refused: all of 5 recordings", "b", LATER)
    row = dates.row(MONDAY)
    assert (row["held_back"], row["held_by"], row["held_since"], row["open"]) == (
        "all_refused: all of 5 recordings", "b", NOW, True,
    )  # fmt: skip
    dates.hold(MONDAY, "drift: label_psi 1", "c", LATER)
    assert dates.row(MONDAY)["held_since"] == LATER
    assert dates.held() == {MONDAY: "drift: label_psi 1"}


def test_a_date_is_freed_of_the_rules_that_were_asked_about(dates: Dates) -> None:
    dates.hold(MONDAY, "gone: 3 of 4 recordings are not listed any more", "a", NOW)
    dates.free(MONDAY, set(HoldRule) - {HoldRule.GONE})
    assert dates.held()
    dates.free(MONDAY, {HoldRule.GONE})
    row = dates.row(MONDAY)
    assert (row["held_back"], row["held_by"], row["held_since"]) == (None, None, None)


def test_accepted_rules_are_kept(store: TableStore, dates: Dates) -> None:
    dates.accept(MONDAY, HoldRule.NO_RECORDINGS)
    dates.accept(MONDAY, HoldRule.ALL_SILENT)
    dates.accept(MONDAY, HoldRule.ALL_SILENT)
    dates.save()
    assert Dates(store).accepted(MONDAY) == ["all_silent", "no_recordings"]


def test_a_weekday_has_what_its_last_days_had(dates: Dates) -> None:
    weeks = [MONDAY - 7 * n * DAY for n in range(1, 6)]
    for place, listed in ((0, 90), (1, 80), (4, 50)):
        dates.update(weeks[place], listed=listed)
    assert dates.same_weekday(MONDAY, 28) == [90, 80, 0, 0]  # two have no row; the fifth is too old
    dates.update(weeks[0], listed=0, scored=70)  # the audio is gone, the calls are not
    dates.hold(weeks[1], "few_recordings: 80", "a", NOW)
    dates.update(weeks[2], listed=0, accepted=["no_recordings"])  # a holiday
    assert dates.same_weekday(MONDAY, 28) == [70, 0]
    assert dates.same_weekday(weeks[4], 28) == []  # before the first row, nothing is known
    assert dates.same_weekday(MONDAY, 6) == []


@pytest.mark.parametrize("text", [None, "", "colour: red"])
def test_a_text_without_a_rule_has_none(text: str | None) -> None:
    assert rule_of(text) is None


def test_every_held_date_is_a_line_with_the_command_that_lets_it_pass() -> None:
    held = {MONDAY + n * DAY: "drift: label_psi 1" for n in range(70)}
    lines = held_lines({**held, MONDAY: "gone: 3 of 4 recordings are not listed any more"}).splitlines()
    assert lines[0].endswith("ser ingest --call-date 2026-03-02 --retention.max-gone-share 1")
    assert lines[1] == (
        "  - 2026-03-03: drift: label_psi 1; to let it pass: ser score --call-date 2026-03-03 --drift.action warn"
    )
    assert (len(lines), lines[-1]) == (63, "  - and 8 more: see `ser status`")
    words = freeing_command(MONDAY, "drift: label_psi 1").split()[2:]
    assert load_settings(words, environ={}).drift.action == "warn"
    words = freeing_command(MONDAY, "gone: all")[len("ser ingest ") :].split()
    assert load_settings(words, environ={}).retention.max_gone_share == 1


def test_dates_that_lack_their_recordings() -> None:
    counts: list[dict[str, Any]] = [
        {"call_date": MONDAY, "known": 4, "gone": 2},
        {"call_date": MONDAY + DAY, "known": 4, "gone": 3},
        {"call_date": MONDAY + 2 * DAY, "known": 0, "gone": 0},
    ]
    assert gone_reasons(counts, 0.5) == {MONDAY + DAY: "gone: 3 of 4 recordings are not listed any more"}


@pytest.mark.parametrize(
    ("now", "day"),
    [("2026-03-10T22:59+00:00", 9), ("2026-03-10T23:00+00:00", 10), ("2026-03-11T02:30+01:00", 10)],
)
def test_the_last_complete_day_is_that_of_the_archive(now: str, day: int) -> None:
    assert last_complete_day(dt.datetime.fromisoformat(now), settings()) == dt.date(2026, 3, day)


def at(day: int) -> dt.datetime:
    """Half past two at night, after `day` of March is over."""
    return dt.datetime(2026, 3, day, 2, 30, tzinfo=dt.UTC) + DAY


def march(*days: int) -> tuple[dt.date, ...]:
    return tuple(dt.date(2026, 3, day) for day in days)


def test_the_first_night_lists_everything(store: TableStore, dates: Dates) -> None:
    due = DueDates.at(at(10), settings(), store)
    assert due.full
    assert due.listing(dates) == Scope(None)
    assert due.work(dates) == Scope(march(7, 8, 9, 10))


def test_a_night_after_a_night_looks_back(store: TableStore, dates: Dates) -> None:
    DueDates.at(at(10), settings(), store).done(store)
    due = DueDates.at(at(11), settings(), store)
    assert (due.full, str(due)) == (False, "2026-03-08..2026-03-11")
    assert due.listing(dates) == due.work(dates) == Scope(march(8, 9, 10, 11))
    again = DueDates.at(at(10), settings(), store)  # the same night once more
    assert again.work(dates) == Scope(march(7, 8, 9, 10))


def test_open_dates_are_due(store: TableStore, dates: Dates) -> None:
    DueDates.at(at(10), settings(), store).done(store)
    dates.update(dt.date(2025, 6, 1), open=True)
    dates.update(dt.date(2025, 6, 2), open=False)
    due = DueDates.at(at(11), settings(lookback_days=0), store)
    assert due.listing(dates) == Scope((dt.date(2025, 6, 1), *march(11)))


def test_missed_nights_are_made_up_for_with_all_the_days_that_they_would_have_looked_back_on(
    store: TableStore, dates: Dates
) -> None:
    Nights(*march(10, 10)).write(store)
    due = DueDates.at(at(13), settings(lookback_days=1), store)  # the nights of the 11th and 12th were missed
    assert due.work(dates) == Scope(march(10, 11, 12, 13))


def test_every_so_many_days_everything_is_listed(store: TableStore) -> None:
    DueDates.at(at(10), settings(), store).done(store)
    for day in range(11, 17):
        due = DueDates.at(at(day), settings(), store)
        assert not due.full
        due.done(store)
    due = DueDates.at(at(17), settings(), store)
    assert (due.full, str(due)) == (True, "2026-03-14..2026-03-17, full listing")
    due.listed(store)  # and the night dies here
    kept = Nights.read(store)
    assert (kept.day, kept.full_listing) == march(16, 17)
    assert not DueDates.at(at(17), settings(), store).full
    due.done(store)
    kept = Nights.read(store)
    assert (kept.day, kept.full_listing) == march(17, 17)


def test_after_a_long_pause_the_listing_says_what_is_due(store: TableStore) -> None:
    Nights(dt.date(2025, 1, 1), dt.date(2025, 1, 1)).write(store)
    due = DueDates.at(at(31), settings(), store)
    assert due.full
    assert (due.first, due.last) == march(3, 31)  # drift.baseline_days are judged even where nothing was uploaded
    rare = settings(full_listing_days=9999)
    assert DueDates.at(at(31), rare, store).first == dt.date(2024, 12, 30)


def test_a_changed_rule_opens_the_dates_with_refusals_once(store: TableStore, dates: Dates) -> None:
    def reopened(*words: str) -> list[dt.date]:
        DueDates.at(at(11), load_settings(words, environ={}), store).reopen(dates)
        opened = dates.open_dates()
        for date in opened:
            dates.update(date, open=False)
        return opened

    dates.update(dt.date(2025, 6, 1), open=False, refused=2)
    dates.update(dt.date(2025, 6, 2), open=False, refused=0)
    DueDates.at(at(10), load_settings(environ={}), store).done(store)
    assert reopened() == []
    changed = ("--limits.max-duration-s", "9")
    assert reopened(*changed) == reopened(*changed) == [dt.date(2025, 6, 1)]  # until a night has ended
    DueDates.at(at(11), load_settings(changed, environ={}), store).done(store)
    assert reopened(*changed) == []
