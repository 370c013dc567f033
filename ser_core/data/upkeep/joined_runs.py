"""Rows of `runs` of past months, in one file a month."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore, partition_path

_JOINED = "joined.parquet"
_LIVE = "running"


def join_runs(store: TableStore, month: str) -> tuple[int, int]:
    """Joins the runs of a past month; the number of files before and after. A second time changes nothing.

    A run that has no end keeps its file: it may be alive, and write its row again. Of two rows of a run, the last that
    was written stays.

    Args:
        store: the tables. The caller holds the lease.
        month: such as `2026-11`.
    """
    files = store.files_of(RUNS, month=month)
    tables = {key: store.read(key, schema=RUNS.schema) for key in files} if len(files) > 1 else {}
    ended = {key: rows for key, rows in tables.items() if _LIVE not in rows["status"].to_pylist()}
    if len(ended) < 2:
        return len(files), len(files)
    latest: dict[str, dict[str, object]] = {}
    for row in pa.concat_tables(ended.values()).to_pylist():
        other = latest.get(row["run_id"])
        if other is None or _written(row) >= _written(other):
            latest[row["run_id"]] = row
    ordered = [latest[run_id] for run_id in sorted(latest)]
    joined = f"{RUNS.name}/{partition_path(RUNS, {'month': month})}{_JOINED}"
    store.write(joined, pa.Table.from_pylist(ordered, schema=RUNS.schema))
    for key in ended:
        if key != joined:
            store.delete(key)
    return len(files), len(files) - len(ended) + 1


def past_months(store: TableStore, now: dt.datetime) -> list[str]:
    """The months of `runs` before that of `now`, in order."""
    months = (values["month"] for values in store.partitions(RUNS))
    return sorted(month for month in months if month < f"{now:%Y-%m}")


def _written(row: dict[str, object]) -> str:
    return str(row.get("updated_at") or row.get("finished_at") or "")
