"""A run of a job, and its row in `runs`: from its start, with how far it is, to its outcome in words and counts."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ser_core.data.storage.lease import Fence, touch_leases
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore, partition_path, rows
from ser_core.errors import StorageError

TABLES_LEASE = "tables"
"""What ingest, extract, score and upkeep hold below a tables' root: one of them at a time."""

_log = logging.getLogger(__name__)
_WRITE_S = 15.0


def new_run_id(now: dt.datetime) -> str:
    """An id for a run. Ids sort by time; two runs of the same second differ."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def run_key(run_id: str) -> str:
    """Key of a run's file in `runs`."""
    return f"{RUNS.name}/{partition_path(RUNS, {'month': f'{run_id[:4]}-{run_id[4:6]}'})}{run_id}.parquet"


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
        parent: the run that this is a stage of.
        detail: what `runs.detail` says of a run that is done; a summary where None.
    """

    job: str
    call_date: dt.date | None
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    run_id: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    fences: dict[str, Fence] = field(default_factory=dict)
    parent: Run | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        self.run_id = self.run_id or new_run_id(self.started_at)
        self._clock = time.monotonic()
        self._progress: dict[str, Any] = {"stage": self.job}
        self._progress_at = self._written_at = self._clock
        self._origin: Mapping[str, Any] = {}
        self._store: TableStore | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()

    def begin(self, store: TableStore, origin: Mapping[str, Any]) -> None:
        """Writes the row with status `running`.

        Args:
            store: where the tables are; the row is written whether or not the run holds a lease.
            origin: more columns, such as host and settings_hash.
        """
        self._store = TableStore(store.storage)
        self._origin = origin
        self._write()
        if self.parent is not None:
            self.parent.progress(None, None, self.job)

    def progress(self, done: int | None, total: int | None, stage: str | None = None) -> None:
        """Notes how far the run is, and that it is alive; its row is written at most every 15 s. From any thread.

        Args:
            done: units of work that are done; None where they are not counted.
            total: units in all.
            stage: at which stage, where it is not the run's job.
        """
        now = {"stage": stage or self.job, "units_done": done, "units_total": total}
        with self._lock:
            if now == self._progress:
                return
            self._progress, self._progress_at = now, time.monotonic()
            due = self._store is not None and self._progress_at - self._written_at >= _WRITE_S
        touch_leases()
        if due:
            self._write()
        if self.parent is not None:
            self.parent.progress(done, total, self.job)

    @property
    def stage(self) -> str:
        """At which stage the run is."""
        return str(self._progress["stage"])

    @property
    def units(self) -> str | None:
        """How far the stage is, such as `3 of 10`; None where units are not counted."""
        total = self._progress.get("units_total")
        return None if total is None else f"{self._progress['units_done']} of {total}"

    @property
    def began(self) -> bool:
        """Whether it has a row."""
        return bool(self._origin)

    @property
    def still_s(self) -> float:
        """Seconds since the last progress, or since the start."""
        return time.monotonic() - self._progress_at

    def row(self, status: str, detail: str | None = None) -> Mapping[str, Any]:
        """The row of `runs`: `status` is `running`, `done`, `incomplete`, `refused` (a stop rule) or `failed`."""
        known, now = set(RUNS.schema.names), dt.datetime.now(dt.UTC)
        ended = {} if status == "running" else {"finished_at": now, "wall_s": time.monotonic() - self._clock}
        return {
            **{key: value for key, value in self.facts.items() if key in known},
            **self._origin,
            **self._progress,
            **ended,
            "run_id": self.run_id,
            "job": self.job,
            "call_date": self.call_date,
            "parent_run_id": self.parent.run_id if self.parent is not None else None,
            "started_at": self.started_at,
            "updated_at": now,
            "status": status,
            "detail": detail or self.detail or self._details(),
        }

    def _details(self) -> str | None:
        """Dates, files left by killed runs, repeated requests, corpora trained on: for the column `detail`."""
        names = ("call_dates", "leftovers", "retries", "corpora")
        return ", ".join(f"{name} {self.summary[name]}" for name in names if name in self.summary) or None

    def _write(self) -> None:
        """Writes the row of a run that is alive. It is for the eye only: a fault of storage is left to the work."""
        with self._writing:
            self._written_at = time.monotonic()
            try:
                if self._store is not None:
                    self._store.write(run_key(self.run_id), rows(RUNS.schema, [self.row("running")]))
            except StorageError as error:
                _log.warning("the row of runs could not be written: %s", error)

    def close(self, store: TableStore, status: str, detail: str | None = None) -> None:
        """Writes the row of a run that has ended; progress is not written any more."""
        with self._writing:
            self._store = None
            TableStore(store.storage).write(run_key(self.run_id), rows(RUNS.schema, [self.row(status, detail)]))
