"""What `ser forget`, `ser maintain` and `ser quarantine --retry` share: the lease, a sweep, a row in `runs`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ser_core.cli.open import open_filled_tables
from ser_core.config import Settings
from ser_core.data.storage.lease import begun_before, held
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.store import TableStore
from ser_core.errors import LeaseHeldError, StorageError
from ser_core.pipeline.state.runs import TABLES_LEASE, Run

_log = logging.getLogger(__name__)

Facts = Mapping[str, Any]


def run_upkeep(job: str, settings: Settings, work: Callable[[TableStore, Run], Facts]) -> Facts:
    """Runs `work` on the archive's tables while no job runs on them, and leaves a row in `runs`.

    The numbers that `work` returns go to the row's detail.

    Raises:
        SettingsError: there are no tables, or they have another layout.
        LeaseHeldError: a job runs on the tables.
        SerError: the work failed.
    """
    run = Run(job, None)
    store = open_filled_tables(settings)
    try:
        with held(store.storage, [TABLES_LEASE], run.run_id, job, settings.lease.expiry_s) as fences:
            check_layout(store)
            store.fence = fences[TABLES_LEASE]
            leftovers = store.storage.sweep(begun_before(store.storage, settings.lease.expiry_s))
            run.summary["leftovers"] = leftovers
            facts = work(store, run)
            detail = ", ".join(f"{name} {value}" for name, value in facts.items() if isinstance(value, int | float))
            run.close(store, "done", detail)
    except BaseException as error:
        store.fence = None
        status = "refused" if isinstance(error, LeaseHeldError) else "failed"
        try:
            run.close(store, status, type(error).__name__)  # the message may name a call
        except StorageError as second:  # likely the same fault: the first is raised
            _log.error("the row of runs could not be written: %s", second)
        raise
    return {"run_id": run.run_id, "leftovers": leftovers, **facts}
