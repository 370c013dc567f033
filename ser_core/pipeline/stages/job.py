"""The frame of every job: settings, checks, leases, session, the row in `runs`, exit code."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from pyspark.sql import SparkSession

from ser_core.config import Settings, load_settings, settings_help
from ser_core.data.storage import open_storage
from ser_core.data.storage.lease import begun_before, held
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.store import TableStore
from ser_core.errors import LeaseHeldError, PublishRefusedError, SerError, StorageError
from ser_core.log import configure_logging
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.engine.task_errors import driver_error
from ser_core.pipeline.state.runs import Run

_log = logging.getLogger(__name__)
_LINE_PART = 80


class Work(Protocol):
    """A stage. Its constructor checks everything that needs no Spark, and raises SettingsError.

    `leases` are the kinds of work, below the root of the tables, that no other run may do at the same time.
    """

    name: ClassVar[str]
    leases: ClassVar[tuple[str, ...]]
    required: ClassVar[tuple[str, ...]]

    def __init__(self, settings: Settings) -> None: ...

    def run(self, cluster: Cluster, run: Run) -> None:
        """Does the work, and writes its counts into `run.facts`."""
        ...


def run_job(work: type[Work], argv: Sequence[str] | None = None) -> int:
    """Runs one job from its command line and returns the exit code of the process.

    `--json` prints the run as one JSON object on stdout; the log goes to stderr.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "--help" in words or "-h" in words:
        sys.stdout.write(f"{(work.__doc__ or work.name).strip()}\n\n{settings_help()}")
        return 0
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    try:
        settings = load_settings(words, required=work.required)
        configure_logging(settings.log.level, as_json=settings.log.json_)
        run = execute(work(settings), settings)
    except SerError as error:
        sys.stderr.write(f"{error}\n")
        if as_json:
            sys.stdout.write(json.dumps({"job": work.name, "status": "failed", "error": str(error)}) + "\n")
        return error.exit_code
    if as_json:
        sys.stdout.write(json.dumps(run, default=str) + "\n")
    elif "report" in run:
        sys.stdout.write(str(run["report"]))
    return 0


def execute(
    work: Work, settings: Settings, session: SparkSession | Cluster | None = None, within: Run | None = None
) -> Mapping[str, Any]:
    """Runs a stage in a session, and writes its row in `runs` whatever the outcome.

    The run holds the leases of its kinds of work, except those that the run it is `within` holds already.

    Returns:
        The columns of the row that have a value, and the run's summary.

    Raises:
        LeaseHeldError: another run does the same work.
        SerError: the work failed, on the driver or in a task.
    """
    run = Run(work.name, settings.call_date, fences=dict(within.fences) if within else {})
    if settings.call_dates.from_ is not None:
        run.summary["call_dates"] = f"{settings.call_dates.from_}..{settings.call_dates.to}"
    store = TableStore(open_storage(settings.tables.uri, settings.storage))
    cluster = session if isinstance(session, Cluster) else Cluster(work.name, settings.spark, session)
    _log.info("%s %s begins", work.name, run.run_id)
    kinds = [kind for kind in work.leases if kind not in run.fences]
    try:
        with held(store.storage, kinds, run.run_id, work.name, settings.lease.expiry_s) as fences:
            run.fences |= fences
            if kinds:
                _sweep(store, settings, run)
            check_layout(store)
            with _count_retries(run, cluster):
                work.run(cluster, run)
    except BaseException as error:
        cause = driver_error(error)
        _close_failed(run, store, cause or error)
        if cause is None:
            raise
        raise cause from error
    run.close(store, "done")
    facts = ", ".join(f"{key} {_plain(value)}" for key, value in run.facts.items() if _is_short(value))
    _log.info("%s %s done: %s", work.name, run.run_id, facts)
    return {key: value for key, value in {**run.summary, **run.row("done")}.items() if value is not None}


def _sweep(store: TableStore, settings: Settings, run: Run) -> None:
    """Removes unfinished files of killed runs below the root of the tables."""
    removed = store.storage.sweep(begun_before(store.storage, settings.lease.expiry_s))
    if removed:
        run.summary["leftovers"] = removed
        _log.info("removed %d unfinished files of killed runs", removed)


@contextmanager
def _count_retries(run: Run, cluster: Cluster) -> Iterator[None]:
    """Counts the requests to storage that were repeated within the block."""
    before = cluster.repeated_requests()
    try:
        yield
    finally:
        repeated = cluster.repeated_requests() - before
        if repeated:
            run.summary["retries"] = repeated
            _log.warning("%d requests to storage were repeated", repeated)


def _close_failed(run: Run, store: TableStore, error: BaseException) -> None:
    status = "refused" if isinstance(error, PublishRefusedError | LeaseHeldError) else "failed"
    _log.error("%s %s %s", run.job, run.run_id, status)
    try:
        run.close(store, status, f"{type(error).__name__}: {error}"[:2000])
    except StorageError as second:  # likely the same fault: the first error is raised
        _log.error("the row of runs could not be written: %s", second)


def _is_short(value: object) -> bool:
    """Whether a fact fits into a line of the log. Long ones, such as drift, are in `runs` only."""
    return value is not None and len(_plain(value)) <= _LINE_PART


def _plain(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
