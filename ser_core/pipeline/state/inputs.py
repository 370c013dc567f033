"""The inputs of derived tables, and the dates that are stale because their inputs have changed. No Spark."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ser_core.config.base import Section
from ser_core.data.tables.schemas import Table
from ser_core.data.tables.store import STATE, TableStore, partition_path

_UNFINISHED = "unfinished"
_NONE = "none"


def fingerprint(*parts: Section | tuple[str, ...]) -> str:
    """12 hex digits of the settings that a table depends on."""
    values = [part.model_dump(mode="json") if isinstance(part, Section) else part for part in parts]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Inputs:
    """Keeps, for each published date of a derived table, the digest of what it was made from.

    Attributes:
        store: where the table is.
        table: partitioned by call_date.
        fixed: values of its other partition columns.
        settings: fingerprint of the settings that the rows depend on.
        again: treat every date as stale.
    """

    store: TableStore
    table: Table
    fixed: Mapping[str, str]
    settings: str
    again: bool = False

    def stale(self, inputs: Mapping[dt.date, str | None]) -> dict[dt.date, str]:
        """Dates whose inputs have changed since they were published, each with its mark now.

        Args:
            inputs: digest of each date's inputs; None where the date has no rows. Such a date is stale only if it has
                been published with rows.
        """
        marks = {}
        for date, digest in inputs.items():
            kept = self._kept(date)
            mark = f"{digest}-{self.settings}" if digest is not None else _NONE
            if (digest is not None or kept not in {None, _NONE}) and (self.again or kept != mark):
                marks[date] = mark
        return marks

    def begin(self, dates: Iterable[dt.date]) -> None:
        """Notes that the dates are being published: should the run be killed meanwhile, they are stale."""
        for date in dates:
            self._keep(date, _UNFINISHED)

    def keep(self, marks: Mapping[dt.date, str]) -> None:
        """Notes that the dates have been published from these inputs."""
        for date, mark in marks.items():
            self._keep(date, mark)

    def _keep(self, date: dt.date, mark: str) -> None:
        self.store.put(self._key(date), json.dumps({"inputs": mark}).encode())

    def _kept(self, date: dt.date) -> str | None:
        kept = self.store.storage.read_or_none(self._key(date))
        return None if kept is None else str(json.loads(kept)["inputs"])

    def _key(self, date: dt.date) -> str:
        path = partition_path(self.table, {**self.fixed, "call_date": date}).removesuffix("/")
        return f"{STATE}inputs/{self.table.name}/{path}.json"
