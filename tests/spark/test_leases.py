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
from ser_core.data.tables.schemas import RUNS
from ser_core.errors import LeaseHeldError, LeaseLostError
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.runs import Run
from tests.support.pipeline import file_marks, read_rows, run, store_of

Copied = Callable[..., Settings]
NIGHT = {"call_date": "2026-03-03"}


@pytest.mark.parametrize(
    ("work", "kind"), [(Ingest, "ingest"), (Extract, "extract"), (Score, "score"), (Nightly, "score")]
)
def test_the_second_run_stops(spark: SparkSession, copied: Copied, work: type[Ingest], kind: str) -> None:
    settings = copied(NIGHT)
    before = file_marks(Path(settings.tables.uri))
    with held(store_of(settings).storage, (kind,), "20260303T020000-abcdef", "nightly", 60.0):
        with pytest.raises(LeaseHeldError, match="nightly 20260303T020000-abcdef") as caught:
            run(spark, work, settings)
        assert caught.value.exit_code == 3
    changed = {
        name.split("/")[0] for name, at in file_marks(Path(settings.tables.uri)).items() if before.get(name) != at
    }
    assert changed <= {"_lease", "runs"}
    (refused,) = [row for row in read_rows(settings, RUNS) if row["status"] == "refused"]
    assert (refused["job"], refused["detail"][:14]) == (work.name, "LeaseHeldError")
    assert run(spark, work, settings)["status"] == "done"


def test_a_killed_run_is_followed_when_its_lease_has_run_out(spark: SparkSession, copied: Copied) -> None:
    settings = copied({**NIGHT, "lease": {"expiry_s": 1.0}})
    dead = Lease.take(store_of(settings).storage, "score", "dead", "score", 1.0)
    dead._stop.set()
    with pytest.raises(LeaseHeldError, match="dead"):
        run(spark, Score, settings)
    time.sleep(1.0)
    assert run(spark, Score, settings)["status"] == "done"


def test_tasks_of_a_run_that_lost_its_lease_overwrite_nothing(spark: SparkSession, copied: Copied) -> None:
    settings = copied({"scoring": {"again": True}})
    stale = Lease.take(store_of(settings).storage, "score", "stale", "score", 0.2)
    stale._stop.set()
    time.sleep(0.2)
    assert run(spark, Score, settings)["scored_calls"] == 3
    before = file_marks(Path(settings.tables.uri))
    with pytest.raises(PythonException, match="LeaseLostError: Run stale may not write score"):
        Score(settings).run(spark, Run("score", None, run_id="stale", fences={"score": stale.fence}))
    after = file_marks(Path(settings.tables.uri))
    assert {name: after[name] for name in before} == before


def test_a_lease_lost_in_a_task_is_told_as_such(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied({"scoring": {"again": True}})
    storage, work = store_of(settings).storage, Score(settings)
    scored = work._publish

    def overtaken(*arguments: object) -> object:
        turn = storage.read("_lease/score/00000002.json").replace(b'"score"', b'"other"').replace(b"20", b"21", 1)
        storage.put("_lease/score/00000009.json", turn)
        return scored(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "_publish", overtaken)
    with pytest.raises(LeaseLostError, match=r"has taken over.*run the job again") as caught:
        execute(work, settings, spark)
    assert caught.value.exit_code == 3
    assert "Traceback" not in str(caught.value)


def test_leftovers_of_killed_runs_are_removed_and_counted(spark: SparkSession, copied: Copied) -> None:
    settings = copied(NIGHT)
    folder = Path(settings.tables.uri, "features")
    old, new = (folder / f"_{letter * 32}.unfinished" for letter in "ab")
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
