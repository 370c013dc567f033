"""What every job does around its work: settings, checks, session, run row, outcome."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from pyspark.sql import SparkSession

from ser_core.config import Settings, load_settings, settings_help
from ser_core.errors import PublishRefusedError, SerError
from ser_core.log import configure_logging
from ser_core.spark.runs import Run
from ser_core.spark.session import start_session
from ser_core.storage import open_storage
from ser_core.tables.store import TableStore

_log = logging.getLogger(__name__)


class Work(Protocol):
    """A stage. Making it checks everything that can be checked without Spark and raises SettingsError."""

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]

    def __init__(self, settings: Settings) -> None: ...

    def run(self, session: SparkSession, run: Run) -> None:
        """Does the work, and writes what it counted into `run.facts`."""
        ...


def run_job(work: type[Work], argv: Sequence[str] | None = None) -> int:
    """Runs one job from its command line and returns the process's exit code.

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
        configure_logging(settings.log)
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


def execute(work: Work, settings: Settings, session: SparkSession | None = None) -> Mapping[str, Any]:
    """Runs prepared work in a session, leaving a row in `runs` whatever comes of it.

    Returns:
        The columns of the row that have a value, with what the job adds for its caller.
    """
    run = Run(work.name, settings.call_date)
    store = TableStore(open_storage(settings.tables.uri, settings.storage))
    _log.info("%s %s begins", work.name, run.run_id)
    session = session or start_session(work.name, settings.spark)
    try:
        work.run(session, run)
    except BaseException as error:
        status = "refused" if isinstance(error, PublishRefusedError) else "failed"
        run.close(store, status, f"{type(error).__name__}: {error}"[:2000])
        _log.error("%s %s %s", work.name, run.run_id, status)
        raise
    run.close(store, "done")
    facts = ", ".join(f"{key} {_plain(value)}" for key, value in run.facts.items() if value is not None)
    _log.info("%s %s done: %s", work.name, run.run_id, facts)
    return {key: value for key, value in {**run.told, **run.row("done")}.items() if value is not None}


def _plain(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
