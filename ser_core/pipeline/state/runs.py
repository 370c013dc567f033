"""A run of a job, and its row in `runs`: the outcome in words, and the counts."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ser_core.data.storage.lease import Fence
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore, partition_path, rows

TABLES_LEASE = "tables"
"""What ingest, extract, score and upkeep hold below a tables' root: one of them at a time."""


def new_run_id(now: dt.datetime) -> str:
    """An id for a run. Ids sort by time; two runs of the same second differ."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@dataclass
class Run:
    """One run of a job.

    Attributes:
        job: the job's name.
        call_date: the date it works on; None for every date.
        run_id: ids sort by start.
        facts: more columns of `runs`, set by the job.
        summary: values for the job's caller that are not columns of `runs`.
        fences: of the leases that the run holds, by kind of work.
    """

    job: str
    call_date: dt.date | None
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    run_id: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    fences: dict[str, Fence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.run_id = self.run_id or new_run_id(self.started_at)
        self._clock = time.monotonic()

    def row(self, status: str, detail: str | None = None) -> Mapping[str, Any]:
        """The row of `runs`: `status` is `done`, `refused` (a stop rule) or `failed`."""
        known = set(RUNS.schema.names)
        return {
            **{key: value for key, value in self.facts.items() if key in known},
            "run_id": self.run_id,
            "job": self.job,
            "call_date": self.call_date,
            "started_at": self.started_at,
            "finished_at": dt.datetime.now(dt.UTC),
            "status": status,
            "wall_s": time.monotonic() - self._clock,
            "detail": detail or self._details(),
        }

    def _details(self) -> str | None:
        """Range of dates, files left by killed runs and repeated requests, for the column `detail`."""
        names = ("call_dates", "leftovers", "retries")
        return ", ".join(f"{name} {self.summary[name]}" for name in names if name in self.summary) or None

    def close(self, store: TableStore, status: str, detail: str | None = None) -> None:
        """Writes the row."""
        month = f"{self.started_at:%Y-%m}"
        key = f"{RUNS.name}/{partition_path(RUNS, {'month': month})}{self.run_id}.parquet"
        store.write(key, rows(RUNS.schema, [self.row(status, detail)]))
