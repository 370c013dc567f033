"""The command line of a job: exit code, what it prints, and one message of a fault. Starts no JVM."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyspark.errors import PythonException

from ser_core.config import Settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import holders
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore
from ser_core.errors import IncompleteError, LeaseLostError, PublishRefusedError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.job import run_job
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from tests.support.pipeline import read_rows

Capture = pytest.CaptureFixture[str]
TRACE = "Traceback (most recent call last):"
Does = Callable[[Run], object]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    ours = logging.getLogger("ser_core")
    before = ours.handlers[:], ours.level, ours.propagate
    yield
    ours.handlers[:], ours.level, ours.propagate = before


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(FolderStorage(tmp_path))


def started(store: TableStore, does: Does, *words: str) -> int:
    """Exit code of a job that does something."""

    class Planted:
        name: ClassVar[str] = "planted"
        leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)
        required: ClassVar[tuple[str, ...]] = ()

        def __init__(self, settings: Settings) -> None: ...

        def run(self, cluster: Cluster, run: Run) -> None:
            does(run)
            assert not cluster.started

    return run_job(Planted, ["--tables.uri", store.storage.uri, *words])


def raising(error: BaseException) -> Does:
    def does(run: Run) -> None:
        raise error

    return does


def row(store: TableStore) -> dict[str, Any]:
    (only,) = read_rows(store, RUNS)
    return only


def test_drift_in_json_is_json(store: TableStore, capsys: Capture) -> None:
    drift = {"dates": {"2026-03-02": {"verdict": "ok"}}}
    facts = {"drift": json.dumps(drift), "priors": json.dumps({"sad": 0.5}), "scored_calls": 3}
    assert started(store, lambda run: run.facts.update(facts), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["drift"], said["priors"], said["scored_calls"]) == (drift, {"sad": 0.5}, 3)
    assert row(store)["drift"] == json.dumps(drift)  # the column is text


@pytest.mark.parametrize(
    ("error", "code", "status", "says"),
    [
        (IncompleteError("5 of 9 calls have nothing to score"), 5, "incomplete", "5 of 9 calls"),
        (PublishRefusedError("1 date is held back"), 4, "refused", "1 date is held back"),
        (LeaseLostError("gone"), 3, "failed", "gone"),
        (ZeroDivisionError("by zero"), 1, "failed", "ZeroDivisionError: by zero (log.level debug shows where)"),
        (PythonException(f"{TRACE}\n  x\nKeyError: 'a'\n\n\tat y"), 1, "failed", "A task failed: KeyError: 'a'"),
    ],
)
def test_a_fault_is_one_message_with_the_run(
    store: TableStore, capsys: Capture, error: Exception, code: int, status: str, says: str
) -> None:
    assert started(store, raising(error), "--json", "--log.level", "warning") == code
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert (said["job"], said["status"]) == ("planted", status)
    assert says in said["error"]
    (line,) = printed.err.splitlines()
    assert f"ERROR planted {row(store)['run_id']} {status}: {says}" in line
    assert row(store)["status"] == status
    assert holders(store.storage) == {}


def test_the_trace_of_a_fault_is_for_debugging(store: TableStore, capsys: Capture) -> None:
    started(store, raising(ValueError("planted")), "--log.level", "debug", "--log.json", "true")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [("Traceback" in line.get("exception", "")) for line in lines if line["level"] == "error"] == [True]


def test_faults_of_settings_are_logged_as_the_settings_say(store: TableStore, capsys: Capture) -> None:
    assert started(store, lambda run: None, "--log.json", "true", "--tables.buckets", "0") == 2
    entry = json.loads(capsys.readouterr().err)
    assert (entry["level"], "tables.buckets" in entry["message"]) == ("error", True)
    assert store.files(RUNS) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_job_on_the_driver(
    store: TableStore, capsys: Capture, number: signal.Signals, code: int
) -> None:
    def does(run: Run) -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    assert started(store, does) == code
    assert row(store)["detail"] == f"ended by {number.name}"
    assert holders(store.storage) == {}
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"failed: ended by {number.name}")


def test_a_job_that_stands_still_on_the_driver_is_ended(store: TableStore, capsys: Capture) -> None:
    def does(run: Run) -> None:
        run.progress(2, 7)
        time.sleep(20)

    began = time.monotonic()
    assert started(store, does, "--lease.stall-s", "1.5") == 3
    assert time.monotonic() - began < 10
    detail = row(store)["detail"]
    assert "made no progress for 1.5 s (lease.stall_s), at planted, 2 of 7 units done" in detail
    assert detail.split(": ", 1)[1] in capsys.readouterr().err
    assert holders(store.storage) == {}


def test_a_job_that_gets_on_is_not_ended(store: TableStore) -> None:
    def does(run: Run) -> None:
        for step in range(8):
            run.progress(step, 8)
            time.sleep(0.25)

    assert started(store, does, "--lease.stall-s", "1") == 0
