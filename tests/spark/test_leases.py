"""Two runs at once: the second stops; and what a killed run left is taken over and cleared away."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage.lease import Lease, held
from ser_core.data.storage.lease_turns import last_turn, put_turn
from ser_core.data.tables.schemas import RUNS
from ser_core.errors import LeaseHeldError, LeaseLostError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from tests.support.pipeline import file_marks, read_rows, run, store_of

Copied = Callable[..., Settings]
NIGHT = {"call_date": "2026-03-03"}


@pytest.mark.parametrize("work", [Ingest, Extract, Score, Nightly])
def test_the_second_run_stops(spark: SparkSession, copied: Copied, work: type[Ingest]) -> None:
    """Whatever the two are: ingest beside extract is refused too."""
    settings = copied(NIGHT)
    before = file_marks(Path(settings.tables.uri))
    with held(store_of(settings).storage, (TABLES_LEASE,), "20260303T020000-abcdef", "nightly", 60.0):
        with pytest.raises(LeaseHeldError, match="nightly 20260303T020000-abcdef") as caught:
            run(spark, work, settings)
        assert caught.value.exit_code == 3
    marks = file_marks(Path(settings.tables.uri))
    changed = [name for name, at in marks.items() if before.get(name) != at]
    assert [name for name in changed if not name.startswith(("_state/lease/", "_state/running/", "runs/"))] == []
    (refused,) = [row for row in read_rows(settings, RUNS) if row["status"] == "refused"]
    assert (refused["job"], refused["detail"][:14]) == (work.name, "LeaseHeldError")
    assert run(spark, work, settings)["status"] == "done"


def test_a_killed_run_is_followed_when_its_lease_has_run_out(spark: SparkSession, copied: Copied) -> None:
    settings = copied({**NIGHT, "lease": {"expiry_s": 1.0}})
    dead = Lease.take(store_of(settings).storage, TABLES_LEASE, "dead", "score", 1.0)
    dead._stop.set()
    with pytest.raises(LeaseHeldError, match="dead"):
        run(spark, Score, settings)
    time.sleep(1.0)
    assert run(spark, Score, settings)["status"] == "done"


def test_tasks_of_a_run_that_lost_its_lease_overwrite_nothing(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"scoring": {"again": True}, "spark": {"driver_rows": 0}})
    stale = Lease.take(store_of(settings).storage, TABLES_LEASE, "stale", "score", 0.2)
    stale._stop.set()
    time.sleep(0.2)
    assert run(spark, Score, settings)["scored_calls"] == 3
    before = file_marks(Path(settings.tables.uri))
    with pytest.raises((LeaseLostError, PythonException), match="Run stale may not write tables"):
        Score(settings).run(
            Cluster("score", settings.spark, spark),
            Run("score", None, run_id="stale", fences={TABLES_LEASE: stale.fence}),
        )
    after = file_marks(Path(settings.tables.uri))
    assert {name: after[name] for name in before} == before


def test_a_lease_lost_in_a_task_is_told_as_such(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied({"scoring": {"again": True}})
    storage, work = store_of(settings).storage, Score(settings)
    scored = work._publish

    def overtaken(*arguments: object) -> object:
        turn, holder = last_turn(storage, TABLES_LEASE)
        assert holder is not None
        put_turn(storage, TABLES_LEASE, turn + 7, holder._replace(run_id="other"))
        return scored(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "_publish", overtaken)
    with pytest.raises(LeaseLostError, match=r"has taken over.*run the job again") as caught:
        execute(work, settings, spark)
    assert caught.value.exit_code == 3
    assert "Traceback" not in str(caught.value)


def test_leftovers_of_killed_runs_are_removed_and_counted(spark: SparkSession, copied: Copied) -> None:
    settings = copied(NIGHT)
    folder = Path(settings.tables.uri, "_state", "unfinished")
    old, new = (folder / (letter * 32) for letter in "ab")
    for path in (old, new):
        path.write_bytes(b"half a file")
    hour_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).timestamp()
    os.utime(old, (hour_ago, hour_ago))
    row = run(spark, Nightly, settings)
    assert row["leftovers"] == 1
    assert not old.exists()
    assert new.exists()  # somebody may be at it
    (mine,) = [one for one in read_rows(settings, RUNS) if one["run_id"] == row["run_id"]]
    assert mine["detail"] == "leftovers 1"
