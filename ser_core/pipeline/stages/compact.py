"""Compacts the log tables of closed dates, within a night."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

import pyarrow.compute as pc

from ser_core.config import Settings
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.compaction import COMPACTED, Compaction
from ser_core.data.upkeep.joined_runs import join_runs
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.nights import closed_before
from ser_core.pipeline.state.runs import Run

_log = logging.getLogger(__name__)
_JUST_CLOSED_DAYS = 7
"""Days before the window of a night that are looked at: as they leave it, they have the files of several nights."""


def compact_closed(
    cluster: Cluster, settings: Settings, store: TableStore, worked: Iterable[dt.date], run: Run
) -> None:
    """Compacts dates that are closed and have more than a few small files, and joins the runs of the month before.

    Looked at are the dates that a night has worked on, and those that its window has just left.

    Args:
        cluster: where the work runs.
        settings: of the job.
        store: the tables, with the fence of the run.
        worked: dates that the night has worked on.
        run: of the night.
    """
    dates, first = Dates(store), closed_before(run.started_at, settings)
    recent = (first - dt.timedelta(days) for days in range(1, _JUST_CLOSED_DAYS + 1))
    work = Compaction(store, settings.maintain, run.started_at)
    closed = (date for date in sorted({*worked, *recent}) if date < first and not dates.row(date).get("open", True))
    due = [date for date in closed if work.is_worth(date)]
    if due:
        done = cluster.of_dates(work, due, COMPACTED, dates.listed(due)).table()
        files = [pc.sum(done[name]).as_py() or 0 for name in ("files_before", "files_after")]
        run.summary["compacted_dates"] = len(due)
        _log.info("compacted %d dates: %d log files are %d now", len(due), *files)
    before = run.started_at.replace(day=1) - dt.timedelta(days=1)
    join_runs(store, f"{before:%Y-%m}")
