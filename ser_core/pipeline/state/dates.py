"""The table `dates`: what each call date has, and whether there is work left. One small file, replaced whole."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ser_core.data.tables.schemas import DATES
from ser_core.data.tables.store import TableStore, rows
from ser_core.errors import ObjectMissingError
from ser_core.pipeline.state.hold_rules import HoldRule, rule_of

_KEY = f"{DATES.name}/{DATES.name}.parquet"
_UNKNOWN_ROWS = 10_000  # assumed of a date that has never been listed
_WEEK = dt.timedelta(weeks=1)
_NOT_HELD = {"held_back": None, "held_by": None, "held_since": None}


class Dates:
    """The rows of `dates` by call date. The holder of the lease changes them and writes them back.

    Args:
        store: the tables.
    """

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._changed = False
        try:
            table = store.read(_KEY, schema=DATES.schema)
        except ObjectMissingError:
            table = DATES.schema.empty_table()
        self._rows: dict[dt.date, dict[str, Any]] = {row["call_date"]: row for row in table.to_pylist()}

    def __iter__(self) -> Iterator[dt.date]:
        return iter(sorted(self._rows))

    def row(self, date: dt.date) -> Mapping[str, Any]:
        """The row of a date; empty where there is none."""
        return self._rows.get(date, {})

    def update(self, date: dt.date, **values: Any) -> None:
        """Changes some columns of a date's row, which is made where there is none."""
        unknown = set(values) - set(DATES.schema.names)
        if unknown:
            raise KeyError(f"dates has no columns {sorted(unknown)}")
        before = self._rows.get(date, {})
        after = {"open": True, "models": [], **before, **values, "call_date": date}
        if any(before.get(name) != value for name, value in after.items() if name != "run_id"):
            self._rows[date] = after
            self._changed = True

    def hold(self, date: dt.date, reason: str, run_id: str, now: dt.datetime) -> None:
        """Notes that a date keeps its old rows, and why. It stays open, so that later nights try again."""
        before = self.row(date)
        same = rule_of(before.get("held_back")) is rule_of(reason)
        since = before["held_since"] if same else now
        self.update(date, open=True, held_back=reason, held_by=run_id, held_since=since, run_id=run_id)

    def free(self, date: dt.date, rules: Iterable[HoldRule] = HoldRule) -> None:
        """Notes that a date is not held back by any of `rules` any more."""
        if rule_of(self.row(date).get("held_back")) in set(rules):
            self.update(date, **_NOT_HELD)

    def accept(self, date: dt.date, rule: HoldRule) -> None:
        """Notes that a person has let a date pass although it breaks a rule: the rule does not hold it again."""
        self.update(date, accepted=sorted({*self.accepted(date), rule.value}))

    def accepted(self, date: dt.date) -> list[str]:
        """Rules that do not hold a date back any more."""
        return list(self.row(date).get("accepted") or [])

    def forget(self, date: dt.date) -> None:
        """Removes the row of a date."""
        self._changed = self._rows.pop(date, None) is not None or self._changed

    def open_dates(self) -> list[dt.date]:
        """Dates that have work left, in order."""
        return sorted(date for date, row in self._rows.items() if row["open"])

    def held(self) -> dict[dt.date, str]:
        """Dates that are held back, in order, each with the reason."""
        return {date: self._rows[date]["held_back"] for date in self if self._rows[date].get("held_back")}

    def with_model(self, model_version: str) -> list[dt.date]:
        """Dates with published rows of a model, in order."""
        return sorted(date for date, row in self._rows.items() if model_version in row["models"])

    def published(self) -> int:
        """How many dates have published rows, of whatever model."""
        return sum(bool(row["models"]) for row in self._rows.values())

    def same_weekday(self, date: dt.date, days: int, unknown: Collection[dt.date] = ()) -> list[int]:
        """Recordings listed on the same weekday in the `days` before a date. A day without a row has none.

        Left out are days before the first row, dates held back, dates accepted without recordings, and `unknown` days.
        """
        first = min(self._rows, default=date)
        counts = []
        for weeks in range(1, days // 7 + 1):
            day = date - weeks * _WEEK
            row = self.row(day)
            odd = row.get("held_back") or HoldRule.NO_RECORDINGS in self.accepted(day)
            if day >= first and not odd and day not in unknown:
                counts.append(max(row.get("listed") or 0, row.get("scored") or 0))  # audio may be gone by now
        return counts

    def usual(self, date: dt.date, days: int, unknown: Collection[dt.date] = ()) -> float | None:
        """The median of `same_weekday` where each of these days has recordings; else None."""
        same = self.same_weekday(date, days, unknown)
        return float(statistics.median(same)) if same and all(same) else None

    def listed(self, dates: Iterable[dt.date]) -> int:
        """About how many recordings the dates have: an estimate by which work is small or large."""
        return sum(int(self.row(date).get("listed") or _UNKNOWN_ROWS * (date not in self._rows)) for date in dates)

    def save(self) -> None:
        """Writes the rows, where any has changed."""
        if self._changed:
            ordered = [self._rows[date] for date in sorted(self._rows)]
            self._store.write(_KEY, rows(DATES.schema, ordered))
            self._changed = False
