"""Runs that were killed: nobody has written how they ended, until the next run finds them.

`_state/running/<kind>/<run_id>` is there while a run is; `<kind>` is the kind of lease that it holds, else its job.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ser_core.data.storage.lease import holders
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import STATE, TableStore, rows
from ser_core.pipeline.state.runs import TABLES_LEASE, Run, run_key

_log = logging.getLogger(__name__)
_BEGAN = re.compile(r"(\d{4})(\d\d)\d\dT")  # of a run id
_RUNNING = f"{STATE}running/"
MET_AGAIN = "The lease is held for the second time by"
"""By these words the crontab line of `deploy/` knows a run that does not end."""

_DAY = dt.timedelta(days=1)

Row = Mapping[str, Any]


def mark_running(store: TableStore, run: Run) -> None:
    """Notes that a run is running."""
    store.storage.put(_mark(run), b"{}")


def unmark_running(store: TableStore, run: Run) -> None:
    """Notes that it has ended."""
    store.storage.delete(_mark(run))


def close_killed(store: TableStore, run: Run, stall_s: float) -> None:
    """Writes that earlier runs, and their stages, have failed whose process is gone.

    Args:
        store: the tables.
        run: that has begun. Where it holds the lease, no other run of that kind is alive.
        stall_s: seconds without a sign after which a run without a lease counts as killed.
    """
    folder = _mark(run).rpartition("/")[0] + "/"
    for name in [info.key.removeprefix(folder) for info in store.storage.list(folder)]:
        if name == run.run_id:
            continue
        unended = [row for row in _since(store, name, run.started_at) if _is_of(row, name)]
        last = max((row["updated_at"] for row in unended), default=None)
        if last is not None and not run.fences and (run.started_at - last).total_seconds() < stall_s:
            continue
        for row in unended:
            text = f"killed: its last sign was at {row['updated_at']:%Y-%m-%d %H:%M:%S} UTC"
            ended = {"status": "failed", "finished_at": row["updated_at"], "detail": text}
            ended["wall_s"] = (row["updated_at"] - row["started_at"]).total_seconds()
            store.write(run_key(row["run_id"]), rows(RUNS.schema, [{**row, **ended}]))
            _log.warning("%s %s was %s", row["job"], row["run_id"], text)
        store.storage.delete(folder + name)


def met_before(store: TableStore, run: Run) -> str | None:
    """A sentence where the last run of this job has met the same holder of the lease; None where it has not.

    Args:
        store: the tables.
        run: that does not get the lease.
    """
    holder = holders(store.storage).get(TABLES_LEASE)
    if holder is None:
        return None
    refused = (row for row in _since(store, holder.run_id, run.started_at) if row["status"] == "refused")
    if not any(row["job"] == run.job and holder.run_id in str(row["detail"]) for row in refused):
        return None
    return f"{MET_AGAIN} {holder.job} {holder.run_id}: `ser status` says how far it is"


def _mark(run: Run) -> str:
    kind = TABLES_LEASE if TABLES_LEASE in run.fences else run.job
    return f"{_RUNNING}{kind}/{run.run_id}"


def _since(store: TableStore, run_id: str, until: dt.datetime) -> Iterator[Row]:
    """Rows of `runs` from a run on, that began up to a moment."""
    began = _BEGAN.match(run_id)
    month = dt.datetime(int(began[1]), int(began[2]), 1, tzinfo=dt.UTC) if began else until + _DAY
    while month <= until:
        for key in store.files_of(RUNS, month=f"{month:%Y-%m}"):
            if key.rpartition("/")[2] >= run_id:
                yield from store.read(key, schema=RUNS.schema).to_pylist()
        month = (month + 31 * _DAY).replace(day=1)


def _is_of(row: Row, run_id: str) -> bool:
    return row["status"] == "running" and run_id in {row["run_id"], row["parent_run_id"]}
