"""What an engineer asks in the morning: nights, missing days, held dates, refusals, leases, stalled runs. No Spark."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from ser_core.config import Settings
from ser_core.data.storage.lease import Holder, holders
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.data.upkeep.refusals import refused
from ser_core.errors import LeaseHeldError
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import freeing_command
from ser_core.pipeline.state.nights import Nights, last_complete_day

_READERS = 16
_NIGHTS, _LAST_DATES = 7, 7
_DAY = dt.timedelta(days=1)
_WITHOUT_LEASE = frozenset({"train"})  # its stages hold the lease of the corpus's tables
_RUN_COLUMNS = (
    "run_id", "job", "call_date", "started_at", "finished_at", "status", "listed", "extracted", "refused_now",
    "scored_calls", "wall_s", "detail", "parent_run_id", "stage", "units_done", "units_total", "updated_at",
)  # fmt: skip

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """What somebody has to look at: `kind` is `night`, `held`, `missing` or `stalled`; `command` mends it or lets it
    pass, where there is one."""

    kind: str
    text: str
    command: str | None = None


class Health:
    """The state of the tables at a moment. Reads `dates`, the runs of this month and the one before, and leases.

    Args:
        store: the tables.
        settings: of the archive.
        now: the moment, with its time zone.
    """

    def __init__(self, store: TableStore, settings: Settings, now: dt.datetime) -> None:
        self._store, self._settings, self._now = store, settings, now
        self.dates = Dates(store)
        self._nights = Nights.read(store)

    @cached_property
    def runs(self) -> list[Row]:
        """Rows of `runs`, the newest first."""
        this = self._now.astimezone(dt.UTC).date().replace(day=1)
        months = ({"month": f"{day:%Y-%m}"} for day in (this, this - _DAY))
        keys = [key for month in months for key in self._store.files(RUNS, partition_path(RUNS, month))]
        with ThreadPoolExecutor(_READERS) as pool:
            parts = list(pool.map(lambda key: self._store.read(key, _RUN_COLUMNS, schema=RUNS.schema), keys))
        rows: list[Row] = pa.concat_tables(parts).to_pylist() if parts else []
        return sorted(rows, key=lambda row: str(row["run_id"]), reverse=True)

    @cached_property
    def holders(self) -> Mapping[str, Holder]:
        """The runs that hold leases, by kind of work."""
        return holders(self._store.storage)

    @property
    def last_nights(self) -> list[Row]:
        """The last nights, the newest first, with the day that each was about; where there is none, the last runs."""
        nights = [row for row in self.runs if row["job"] == "nightly"] or self.runs
        return [self._with_day(row) for row in nights[:_NIGHTS]]

    @cached_property
    def missing(self) -> dict[dt.date, float]:
        """Days without a row although their weekday always has recordings, each with how many it has."""
        days, drift = list(self.dates), self._settings.drift
        if self.dates.published() < drift.min_days:
            return {}
        last = max(days[-1], self._nights.day or days[-1])
        missing: dict[dt.date, float] = {}
        for day in (days[0] + n * _DAY for n in range((last - days[0]).days + 1)):
            usual = None if self.dates.row(day) else self.dates.usual(day, drift.baseline_days, missing)
            if usual is not None:
                missing[day] = usual
        return missing

    @cached_property
    def refusals(self) -> dict[str, Counter[dt.date]]:
        """Refused recordings by reason and date, of open dates and the last dates."""
        counts: dict[str, Counter[dt.date]] = {}
        for date in sorted({*self.dates.open_dates(), *list(self.dates)[-_LAST_DATES:]}):
            if self.dates.row(date).get("refused") != 0:
                for group in refused(self._store, date):
                    counts.setdefault(group.reason, Counter())[date] += group.count
        return dict(sorted(counts.items(), key=lambda item: -item[1].total()))

    @cached_property
    def stalled(self) -> list[Row]:
        """Runs whose row says that they run, without a lease or without progress, unless a later run has ended."""
        ended = {row["job"]: row["run_id"] for row in reversed(self.runs) if row["status"] != "running"}
        latest = [row for row in self.runs if row["run_id"] > ended.get(row["job"], "")]
        return [row for row in latest if row["status"] == "running" and not self._is_alive(row)]

    def running(self, holder: Holder) -> Row:
        """The row of the stage that the holder of a lease is at; empty where there is none."""
        mine = [row for row in self.runs if row["status"] == "running"]
        stages = [row for row in mine if row["parent_run_id"] == holder.run_id]
        return next(iter([*stages, *(row for row in mine if row["run_id"] == holder.run_id)]), {})

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that somebody has to look at; none where all is well."""
        return [*self._of_nights(), *self._of_held(), *self._of_missing(), *self._of_stalled()]

    def _of_nights(self) -> list[Problem]:
        problems = []
        last = next((row for row in self.runs if row["job"] == "nightly" and _has_ended(row)), None)
        held = last is not None and last["status"] == "refused" and bool(self.dates.held())  # said by date
        if last is not None and last["status"] != "done" and not held:
            cause = str(last["detail"] or "").partition("\n")[0]
            problems.append(Problem("night", f"the last night {last['run_id']} is {last['status']}: {cause}"))
        due = last_complete_day(self._now, self._settings)
        if self._nights.day is not None and due - self._nights.day > _DAY:
            missed = (due - self._nights.day).days
            problems.append(
                Problem("night", f"no night has ended since {self._nights.day}: {missed} days are due", "ser nightly")
            )
        return problems

    def _of_held(self) -> list[Problem]:
        since = {date: self.dates.row(date)["held_since"] for date in self.dates.held()}
        return [
            Problem(
                "held",
                f"{date} is held back since {since[date]:%Y-%m-%d %H:%M} UTC: {text}",
                freeing_command(date, text),
            )
            for date, text in self.dates.held().items()
        ]

    def _of_missing(self) -> list[Problem]:
        return [
            Problem(
                "missing",
                f"{date} is missing: it has no recordings, {date:%A}s have {count:g}",
                f"ser nightly --call-date {date} --nightly.lookback-days 0",
            )
            for date, count in self.missing.items()
        ]

    def _of_stalled(self) -> list[Problem]:
        return [
            Problem("stalled", f"{row['job']} {row['run_id']} is stalled: it is running, and last wrote {_seen(row)}")
            for row in self.stalled
        ]

    def _is_alive(self, row: Row) -> bool:
        lease, holding = self._settings.lease, {holder.run_id for holder in self.holders.values()}
        silent_s = (self._now - (row["updated_at"] or row["started_at"])).total_seconds()
        holds = bool(holding & {row["run_id"], row["parent_run_id"]}) or row["job"] in _WITHOUT_LEASE
        return bool(silent_s < (lease.stall_s if holds else lease.expiry_s))

    def _with_day(self, row: Row) -> Row:
        """A run with the day that it is about, and the calls that its stages scored where it ended without counts."""
        parts = (part for part in self.runs if part["parent_run_id"] == row["run_id"])
        calls = [part["scored_calls"] for part in parts if part["scored_calls"] is not None]
        day = row["call_date"] or last_complete_day(row["started_at"], self._settings)
        return {
            **row,
            "day": day,
            "scored_calls": row["scored_calls"] if row["scored_calls"] is not None else sum(calls),
        }


def _has_ended(row: Row) -> bool:
    """Whether a run has ended its work, well or not; one that did not get the lease had none."""
    return row["status"] != "running" and not str(row["detail"]).startswith(LeaseHeldError.__name__)


def _seen(row: Row) -> str:
    return f"{row['updated_at'] or row['started_at']:%Y-%m-%d %H:%M:%S} UTC"
