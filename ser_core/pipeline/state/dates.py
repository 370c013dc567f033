"""The table `dates`: what each call date has, and whether there is work left. One small file, replaced whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ser_core.data.tables.schemas import DATES
from ser_core.data.tables.store import TableStore, rows
from ser_core.errors import ObjectMissingError

_KEY = f"{DATES.name}/{DATES.name}.parquet"
_UNKNOWN_ROWS = 10_000  # assumed of a date that has never been listed


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

    def forget(self, date: dt.date) -> None:
        """Removes the row of a date."""
        self._changed = self._rows.pop(date, None) is not None or self._changed

    def open_dates(self) -> list[dt.date]:
        """Dates that have work left, in order."""
        return sorted(date for date, row in self._rows.items() if row["open"])

    def with_model(self, model_version: str) -> list[dt.date]:
        """Dates with published rows of a model, in order."""
        return sorted(date for date, row in self._rows.items() if model_version in row["models"])

    def listed(self, dates: Iterable[dt.date]) -> int:
        """About how many recordings the dates have: an estimate by which work is small or large."""
        return sum(int(self.row(date).get("listed") or _UNKNOWN_ROWS * (date not in self._rows)) for date in dates)

    def save(self) -> None:
        """Writes the rows, where any has changed."""
        if self._changed:
            ordered = [self._rows[date] for date in sorted(self._rows)]
            self._store.write(_KEY, rows(DATES.schema, ordered))
            self._changed = False
