"""What `ser forget`, `ser maintain` and `ser quarantine --retry` share: the lease, a sweep, a row in `runs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ser_core.cli.open import open_filled_tables
from ser_core.config import Settings
from ser_core.data.tables.store import TableStore
from ser_core.errors import EndedError, LeaseHeldError
from ser_core.pipeline.engine.early_end import EARLY_END
from ser_core.pipeline.state.run_frame import run_detail, running
from ser_core.pipeline.state.runs import TABLES_LEASE, Run

Facts = Mapping[str, Any]


def run_upkeep(job: str, settings: Settings, work: Callable[[TableStore, Run], Facts]) -> Facts:
    """Runs `work` on the archive's tables while no job runs on them, and leaves a row in `runs`.

    The numbers that `work` returns go to the row's detail. A signal ends it as it ends a job.

    Raises:
        SettingsError: there are no tables, or they have another layout.
        LeaseHeldError: a job runs on the tables.
        EndedError: a signal has asked the process to end.
        SerError: the work failed.
    """
    run = Run(job, None)
    store = open_filled_tables(settings)
    with EARLY_END.listening(), running(run, store, settings, [TABLES_LEASE], _text):
        store.fence = run.fences[TABLES_LEASE]
        facts = work(store, run)
        run.detail = ", ".join(f"{name} {value}" for name, value in facts.items() if isinstance(value, int | float))
    return {"run_id": run.run_id, "leftovers": run.summary.get("leftovers", 0), **facts}


def _text(error: BaseException) -> str:
    """The kind of an error only: its message may name a call."""
    return run_detail(error) if isinstance(error, EndedError | LeaseHeldError) else type(error).__name__
