"""Which call dates a run works on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from ser_core.config import Settings
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore


@dataclass(frozen=True)
class Scope:
    """The call dates a run works on, in order; None is every date."""

    dates: tuple[dt.date, ...] | None

    @classmethod
    def of(cls, settings: Settings) -> Scope:
        """The date or the range of dates of the settings, or every date."""
        first, last = settings.call_dates.from_, settings.call_dates.to
        if first is not None and last is not None:
            return cls.window(last, (last - first).days)
        return cls(None if settings.call_date is None else (settings.call_date,))

    @classmethod
    def window(cls, last: dt.date, lookback_days: int) -> Scope:
        """`last` and the `lookback_days` before it."""
        return cls(tuple(last - dt.timedelta(days) for days in range(lookback_days, -1, -1)))

    def __contains__(self, date: dt.date) -> bool:
        return self.dates is None or date in self.dates

    def with_dates(self, dates: Iterable[dt.date]) -> Scope:
        """This scope and `dates`."""
        return self if self.dates is None else Scope(tuple(sorted({*self.dates, *dates})))

    def listed(self, store: TableStore) -> list[dt.date]:
        """The dates in scope, in order; where every date is in scope, those that `recordings` has."""
        if self.dates is not None:
            return list(self.dates)
        return sorted(dt.date.fromisoformat(values["call_date"]) for values in store.partitions(RECORDINGS))
