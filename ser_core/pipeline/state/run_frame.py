"""The frame of every run: its leases, its row in `runs` from start to end, and the end of runs that were killed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ser_core.config import Settings
from ser_core.data.storage.lease import begun_before, held
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.store import TableStore
from ser_core.errors import (
    EndedError,
    IncompleteError,
    LeaseHeldError,
    LeaseLostError,
    PublishRefusedError,
    StorageError,
)
from ser_core.pipeline.engine.early_end import EARLY_END
from ser_core.pipeline.state.killed_runs import close_killed, mark_running, met_before, unmark_running
from ser_core.pipeline.state.run_origin import run_origin
from ser_core.pipeline.state.runs import Run

_log = logging.getLogger(__name__)
_MOST_TEXT = 2000


def run_status(error: BaseException) -> str:
    """The status in `runs` of a run that an error has ended."""
    if isinstance(error, IncompleteError):
        return "incomplete"
    met = isinstance(error, LeaseHeldError) and not isinstance(error, LeaseLostError)
    return "refused" if met or isinstance(error, PublishRefusedError) else "failed"


def run_detail(error: BaseException) -> str:
    """What `runs.detail` says of an error."""
    text = str(error) if isinstance(error, EndedError) else f"{type(error).__name__}: {error}"
    return text[:_MOST_TEXT]


@contextmanager
def running(
    run: Run,
    store: TableStore,
    settings: Settings,
    kinds: Sequence[str],
    text_of: Callable[[BaseException], str] = run_detail,
) -> Iterator[None]:
    """Holds leases while the block runs, and writes the run's row whatever the outcome.

    Args:
        run: that begins.
        store: the tables.
        settings: of the job.
        kinds: of the leases that the run does not hold yet.
        text_of: what `runs.detail` says of an error.

    Raises:
        LeaseHeldError: another run holds one of the leases.
        SettingsError: the tables have another layout; nothing has been written.
    """
    marked = bool(kinds) or run.parent is None  # a stage ends with the run that it is part of
    with EARLY_END.deferred():
        try:
            lease = settings.lease
            with held(store.storage, kinds, run.run_id, run.job, lease.expiry_s, lease.stall_s) as fences:
                run.fences |= fences
                check_layout(store)
                if marked:  # first: a row that is running has a mark
                    mark_running(store, run)
                run.begin(store, run_origin(settings))
                if marked:
                    close_killed(store, run, lease.stall_s)
                if kinds:
                    _sweep(store, settings, run)
                with EARLY_END.allowed():
                    yield
        except BaseException as error:
            if isinstance(error, LeaseHeldError) and not run.began:
                again = met_before(store, run)
                if again is not None:
                    error.args = (f"{error}\n{again}",)
            if run.began or isinstance(error, LeaseHeldError):
                try:
                    _close(run, store, marked, run_status(error), text_of(error))
                except StorageError as second:  # likely the same fault: the first error is raised
                    _log.warning("the row of runs could not be written: %s", second)
            raise
        _close(run, store, marked, "done")


def _sweep(store: TableStore, settings: Settings, run: Run) -> None:
    """Removes unfinished files of killed runs below the root of the tables."""
    removed = store.storage.sweep(begun_before(store.storage, settings.lease.expiry_s))
    if removed:
        run.summary["leftovers"] = removed
        _log.info("removed %d unfinished files of killed runs", removed)


def _close(run: Run, store: TableStore, marked: bool, status: str, detail: str | None = None) -> None:
    run.close(store, status, detail)
    if marked:
        unmark_running(store, run)
