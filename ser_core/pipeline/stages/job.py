"""The frame of every job: settings, checks, leases, session, the row in `runs`, exit code."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Protocol

from pyspark.sql import SparkSession

from ser_core.config import Settings, load_settings, settings_help
from ser_core.config.load import log_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.store import STATE, TableStore
from ser_core.errors import EndedError, LeaseLostError, SerError, SettingsError, fault_text
from ser_core.log import configure_logging, json_stderr, log_fault
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.engine.early_end import EARLY_END
from ser_core.pipeline.engine.progress import watched
from ser_core.pipeline.engine.session import known_properties
from ser_core.pipeline.engine.shared_folder import check_shared
from ser_core.pipeline.engine.task_errors import driver_error
from ser_core.pipeline.engine.worker_memory import with_worker_memory
from ser_core.pipeline.state.run_frame import run_status, running
from ser_core.pipeline.state.runs import Run

_log = logging.getLogger(__name__)
_LINE_PART = 80
_IN_JSON = ("drift", "priors")  # columns of `runs` that hold JSON


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

    `--json` prints the run as one JSON object on stdout; the log goes to stderr. SIGTERM and SIGINT end the run: its
    row says so, its lease is free, and the exit code is 143 or 130.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "--help" in words or "-h" in words:
        sys.stdout.write(f"{(work.__doc__ or work.name).strip()}\n\n{settings_help()}")
        return 0
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    try:
        settings = load_settings(words, required=work.required)
    except SettingsError as error:
        log = log_settings(words)
        configure_logging(log.level, as_json=log.json_)
        return _failed(work, error, as_json)
    configure_logging(settings.log.level, as_json=settings.log.json_)
    with json_stderr(settings.log.json_):
        try:
            with EARLY_END.listening():
                run = execute(work(settings), settings)
        except (Exception, EndedError) as error:
            return _failed(work, error, as_json)
    if as_json:
        sys.stdout.write(json.dumps(_as_json(run), default=str) + "\n")
    elif "report" in run:
        sys.stdout.write(str(run["report"]))
    return 0


def _failed(work: type[Work], error: Exception | EndedError, as_json: bool) -> int:
    """Logs a fault as one message, and returns the exit code."""
    text = fault_text(error)
    log_fault(": ".join([*getattr(error, "__notes__", ()), text]), error)
    if as_json:
        sys.stdout.write(json.dumps({"job": work.name, "status": run_status(error), "error": text}) + "\n")
    return error.exit_code if isinstance(error, SerError | EndedError) else 1


def execute(
    work: Work, settings: Settings, session: SparkSession | Cluster | None = None, within: Run | None = None
) -> Mapping[str, Any]:
    """Runs a stage in a session, and writes its row in `runs` from its start to its end, whatever the outcome.

    The run holds the leases of its kinds of work, except those that the run it is `within` holds already.

    Returns:
        The columns of the row that have a value, and the run's summary.

    Raises:
        LeaseHeldError: another run does the same work.
        LeaseLostError: the run has made no progress for `lease.stall_s`.
        EndedError: a signal has asked the process to end.
        SerError: the work failed, on the driver or in a task.
    """
    run = Run(work.name, settings.call_date, fences=dict(within.fences) if within else {}, parent=within)
    if settings.call_dates.from_ is not None:
        run.summary["call_dates"] = f"{settings.call_dates.from_}..{settings.call_dates.to}"
    store = TableStore(open_storage(settings.tables.uri, settings.storage))
    kinds = [kind for kind in work.leases if kind not in run.fences]
    cluster = session if isinstance(session, Cluster) else _cluster(work.name, settings, session)
    if kinds:
        cluster.on_start(partial(check_shared, store.storage, f"{STATE}shared-"))
    _log.info("%s %s begins", work.name, run.run_id)
    try:
        with running(run, store, settings, kinds), _watched(cluster, run, settings), _count_retries(run, cluster):
            work.run(cluster, run)
    except BaseException as error:
        if within is None:
            error.add_note(f"{run.job} {run.run_id} {run_status(error)}")
        raise
    facts = ", ".join(f"{key} {_plain(value)}" for key, value in run.facts.items() if _is_short(value))
    _log.info("%s %s done: %s", work.name, run.run_id, facts)
    return {key: value for key, value in {**run.summary, **run.row("done")}.items() if value is not None}


def _cluster(name: str, settings: Settings, session: SparkSession | None) -> Cluster:
    """A cluster whose executors have the memory that their Python workers may need."""
    spark = settings.spark if session is not None else with_worker_memory(settings, known_properties())
    return Cluster(name, spark, session)


@contextmanager
def _watched(cluster: Cluster, run: Run, settings: Settings) -> Iterator[None]:
    """Reports the progress of the work to the run, and ends a run that has stalled. An error of Spark becomes ours."""
    stall_s = settings.lease.stall_s

    def stalled() -> None:
        at = f"{run.stage}, {run.units} units done" if run.units else run.stage
        EARLY_END.end(
            LeaseLostError(
                f"Run {run.run_id} has made no progress for {stall_s:g} s (lease.stall_s), at {at}, and gives its "
                "lease up. What it has written is kept; run the job again for the rest"
            )
        )

    try:
        with cluster.progress.reported_to(run.progress):
            if run.parent is not None:
                yield
            else:
                with watched(cluster.look, lambda: run.still_s, stall_s, stalled):
                    yield
    except BaseException as error:
        cause = EARLY_END.settled(driver_error(error) or error)
        if cause is error:
            raise
        raise cause from error


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


def _as_json(run: Mapping[str, Any]) -> dict[str, Any]:
    """The run with what its columns hold as JSON in place of the text of it."""
    return {**run, **{name: json.loads(run[name]) for name in _IN_JSON if isinstance(run.get(name), str)}}


def _is_short(value: object) -> bool:
    """Whether a fact fits into a line of the log. Long ones, such as drift, are in `runs` only."""
    return value is not None and len(_plain(value)) <= _LINE_PART


def _plain(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
