"""Rows of a night and its stages, progress that Spark tells, and what workers are given: folder and log level."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import holders
from ser_core.data.tables.schemas import RUNS
from ser_core.errors import IncompleteError, LeaseLostError, SettingsError, TaskError
from ser_core.log import configure_logging
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.engine.shared_folder import check_shared
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from tests.support.pipeline import read_rows, run, store_of
from tests.support.synth import stereo_wav, write_files

Copied = Callable[..., Settings]
NIGHT = {"call_date": "2026-03-03"}


def rows_of(settings: Settings, run_id: str) -> list[dict[str, Any]]:
    """The row of a run, and those of its stages in their order."""
    every = sorted(read_rows(settings, RUNS), key=lambda row: row["started_at"])
    return [row for row in every if run_id in {row["run_id"], row["parent_run_id"]}]


def test_a_night_and_its_stages_have_rows(spark: SparkSession, copied: Copied) -> None:
    settings = copied(NIGHT)
    night, *stages = rows_of(settings, run(spark, Nightly, settings)["run_id"])
    assert [row["job"] for row in (night, *stages)] == ["nightly", "ingest", "extract", "score"]
    assert {row["parent_run_id"] for row in stages} == {night["run_id"]}
    assert night["parent_run_id"] is None
    for name in ("host", "settings_hash", "code_version"):
        assert len({row[name] for row in (night, *stages)}) == 1
    assert [row["stage"] for row in (night, *stages)] == ["score", "ingest", "extract", "score"]
    assert all(row["status"] == "done" and row["updated_at"] == row["finished_at"] for row in (night, *stages))


def test_extraction_counts_recordings(spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = copied()
    new = {f"2026/03/03/n{number}_a1.wav": stereo_wav("sad", "happy", 2.0, number) for number in range(5)}
    write_files(Path(settings.archive.uri or ""), new)
    steps: list[tuple[str, Any, Any]] = []
    progress = Run.progress

    def noted(self: Run, done: int | None, total: int | None, stage: str | None = None) -> None:
        steps.append((self.job, done, total))
        progress(self, done, total, stage)

    monkeypatch.setattr(Run, "progress", noted)
    night = run(spark, Nightly, settings)
    assert ("extract", 5, 5) in steps
    assert ("nightly", 5, 5) in steps
    (extract,) = [row for row in rows_of(settings, night["run_id"]) if row["job"] == "extract"]
    assert extract["extracted"] == 5


def test_a_night_without_scores_for_many_of_its_calls_says_so(spark: SparkSession, copied: Copied) -> None:
    """c4, one of four calls, is on one channel: nobody is scored there."""
    assert run(spark, Nightly, copied(NIGHT))["status"] == "done"
    settings = copied({**NIGHT, "nightly": {"max_unscored_share": 0.2}})
    with pytest.raises(IncompleteError, match=r"1 of the night's 4 calls.*25%.*max_unscored_share is 20%") as caught:
        run(spark, Nightly, settings)
    assert caught.value.exit_code == 5
    last = max(read_rows(settings, RUNS), key=lambda row: (row["job"] == "nightly", row["started_at"]))
    assert (last["status"], last["listed"]) == ("incomplete", 4)


def test_a_job_on_spark_that_stands_still_is_cancelled(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied({"lease": {"stall_s": 4.0}})
    work = Extract(settings)
    monkeypatch.setattr(work, "run", lambda cluster, run: _stand(cluster.session))
    with pytest.raises(LeaseLostError, match=r"no progress for 4 s \(lease.stall_s\), at extract, 0 of 2 units done"):
        execute(work, settings, spark)
    assert holders(store_of(settings).storage) == {}
    assert spark.range(3).count() == 3  # the session is as it was


def _stand(spark: SparkSession) -> None:
    def stand(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import time

        time.sleep(120)
        yield from batches

    map_arrow(spark.range(0, 2, 1, 2).select("id"), stand, pa.schema([("id", pa.int64())])).toArrow()


def test_an_error_of_a_task_is_one_line(spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        raise ZeroDivisionError("planted")
        yield from batches

    settings = copied()
    work = Extract(settings)
    frame = spark.range(2).select("id")
    failing = map_arrow(frame, fail, pa.schema([("id", pa.int64())]))
    monkeypatch.setattr(work, "run", lambda cluster, run: failing.toArrow())
    with pytest.raises(TaskError) as caught:
        execute(work, settings, spark)
    assert str(caught.value) == "A task failed: ZeroDivisionError: planted"


def test_tasks_log_as_the_driver_does(spark: SparkSession) -> None:
    ours = logging.getLogger("ser_core")
    before = ours.handlers[:], ours.level, ours.propagate

    def level(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from ser_core.log import log_form

        form = log_form()
        assert form is not None
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"level": [form.level], "as_json": [form.as_json]})

    schema = pa.schema([("level", pa.string()), ("as_json", pa.bool_())])
    try:
        for wanted, as_json in (("debug", True), ("warning", False)):
            configure_logging(wanted, as_json=as_json)
            rows = map_arrow(spark.range(0, 2, 1, 2).select("id"), level, schema).toArrow().to_pylist()
            assert [(row["level"], row["as_json"]) for row in rows] == [(wanted, as_json)] * 2
    finally:
        ours.handlers[:], ours.level, ours.propagate = before


class Elsewhere(FolderStorage):
    """A folder that is another one in each process that is not the driver's."""

    def __reduce__(self) -> tuple[Any, ...]:
        return FolderStorage, (f"{self.uri}-of-a-worker",)


class _OnMachines:
    """A session that says it is on a cluster."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def sparkContext(self) -> Any:  # noqa: N802 - Spark's name
        context = self._session.sparkContext

        class Context:
            master = "spark://host:7077"
            defaultParallelism = context.defaultParallelism  # noqa: N815 - Spark's name

        return Context


def test_a_folder_that_workers_do_not_share_is_found_out(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser_core.pipeline.engine.shared_folder._WAIT_S", 0.01)
    session: Any = _OnMachines(spark)
    shared, other = FolderStorage(tmp_path / "shared"), Elsewhere(tmp_path / "other")
    check_shared(shared, "_state/shared-", session)
    with pytest.raises(SettingsError, match=r"tables\.uri: .*other is not one folder for all machines") as caught:
        check_shared(other, "_state/shared-", session)
    assert caught.value.exit_code == 2
    check_shared(other, "_state/shared-", spark)  # within the driver's process, nothing is asked
    assert list(shared.list()) == list(other.list()) == []


def test_it_is_found_out_before_work_and_once(spark: SparkSession, copied: Copied) -> None:
    asked = []
    cluster = Cluster("test", copied().spark, spark)
    cluster.on_start(lambda session: asked.append(session))
    assert asked == []
    assert cluster.session is spark
    assert cluster.session is spark
    assert asked == [spark]


def test_a_lease_is_of_all_tables(copied: Copied) -> None:
    assert {work.leases for work in (Extract, Nightly)} == {(TABLES_LEASE,)}
