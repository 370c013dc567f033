"""Which dates a night works on that is given none: by what is kept of past nights, and by the table `dates`."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass, replace
from zoneinfo import ZoneInfo

from ser_core.config import Settings
from ser_core.data.tables.store import STATE, TableStore
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.inputs import fingerprint
from ser_core.pipeline.state.refusal_rules import refusal_rules
from ser_core.pipeline.state.scope import Scope

_KEY = f"{STATE}nights.json"
_DAY = dt.timedelta(days=1)
_DAYS = ("day", "full_listing")


@dataclass(frozen=True)
class Nights:
    """What is kept of past nights.

    Attributes:
        day: the last day of the last night that ended.
        full_listing: the last day of the last night that listed the whole archive.
        refusal_rules: fingerprint of what refused recordings in the last night that ended.
    """

    day: dt.date | None = None
    full_listing: dt.date | None = None
    refusal_rules: str | None = None

    @classmethod
    def read(cls, store: TableStore) -> Nights:
        """What the store keeps. One request."""
        kept = store.storage.read_or_none(_KEY)
        values = json.loads(kept) if kept is not None else {}
        days = {name: dt.date.fromisoformat(values[name]) for name in _DAYS if values.get(name)}
        return cls(**days, refusal_rules=values.get("refusal_rules"))

    def write(self, store: TableStore) -> None:
        """Keeps it."""
        store.put(_KEY, json.dumps(asdict(self), default=str).encode())


@dataclass(frozen=True)
class DueDates:
    """What is due in a night.

    Attributes:
        first: the first day of the night's window: `nightly.lookback_days` before `last`, or before the first day that
            has been missed.
        last: the last local day that is over.
        full: the whole archive is listed, so that uploads of any date are seen.
        nights: what is kept of past nights.
        refusal_rules: fingerprint of what refuses recordings now.
    """

    first: dt.date
    last: dt.date
    full: bool
    nights: Nights
    refusal_rules: str

    @classmethod
    def at(cls, now: dt.datetime, settings: Settings, store: TableStore) -> DueDates:
        """What is due at a moment, which has a time zone."""
        nights, lookback = Nights.read(store), settings.nightly.lookback_days * _DAY
        last = last_complete_day(now, settings)
        first = (last if nights.day is None else min(last, nights.day + _DAY)) - lookback
        full = nights.full_listing is None or (last - nights.full_listing).days >= settings.nightly.full_listing_days
        if full:  # the listing opens the dates that have changed, however long ago the last night was
            first = max(first, last - max(lookback, settings.drift.baseline_days * _DAY))
        rules = fingerprint(tuple(f"{reason} {rule}" for reason, rule in sorted(refusal_rules(settings).items())))
        return cls(first, last, full, nights, rules)

    def reopen(self, dates: Dates) -> None:
        """Opens the dates with refused recordings where a rule that refuses has changed: they are tried again."""
        if self.refusal_rules != self.nights.refusal_rules:
            for date in dates:
                if dates.row(date).get("refused"):
                    dates.update(date, open=True)
            dates.save()

    def listing(self, dates: Dates) -> Scope:
        """What to list: the window and open dates, or the whole archive."""
        return Scope(None) if self.full else self.work(dates)

    def work(self, dates: Dates) -> Scope:
        """What to extract and score: the window and open dates. The listing has opened those that changed."""
        return Scope.window(self.last, (self.last - self.first).days).with_dates(dates.open_dates())

    def listed(self, store: TableStore) -> None:
        """Keeps that the listing is done, should the night be killed later."""
        if self.full:
            replace(self.nights, full_listing=self.last).write(store)

    def done(self, store: TableStore) -> None:
        """Keeps that the night has ended."""
        full_listing = self.last if self.full else self.nights.full_listing
        Nights(self.last, full_listing, self.refusal_rules).write(store)

    def __str__(self) -> str:
        return f"{self.first}..{self.last}{', full listing' if self.full else ''}"


def last_complete_day(now: dt.datetime, settings: Settings) -> dt.date:
    """The last day that is over where the calls are made (`archive.timezone`)."""
    return now.astimezone(ZoneInfo(settings.archive.timezone)).date() - _DAY


def closed_before(now: dt.datetime, settings: Settings) -> dt.date:
    """The first day that a night works on by itself: earlier dates are closed, unless they have work left."""
    return last_complete_day(now, settings) - settings.nightly.lookback_days * _DAY
