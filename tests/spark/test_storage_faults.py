"""The whole chain on S3 that fails: by each kind of fault now and then, and by a restart."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, CHANNELS, RECORDINGS, RUNS, SEGMENT_EMOTIONS
from ser_core.errors import StorageError
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.score import Score
from tests.support.faults import KINDS, FaultyProxy, faulty
from tests.support.pipeline import PATTERN, job_settings, read_rows, run, same_rows, store_of
from tests.support.s3_server import S3Server

OFTEN = tuple(kind for kind in KINDS if kind not in ("unavailable", "damaged"))  # one kind of each sort
DATED = {"archive": {"pattern": PATTERN}}


def upload(client: Any, bucket: str, root: Path) -> None:
    for path in (root / "archive").rglob("*.*"):
        client.upload_file(str(path), bucket, f"x/{path.relative_to(root)}")


def s3(url: str, **more: Any) -> dict[str, Any]:
    few = {"endpoint_url": url, "region": "us-east-1", "max_attempts": 12, "read_timeout_s": 1.5, "outage_s": 60.0}
    return {**DATED, "storage": {"s3": {**few, **more}}}


@pytest.mark.slow
def test_tables_are_complete_and_what_was_repeated_is_counted(
    spark: SparkSession, scored: Any, s3_server: str, s3_client: Any, s3_bucket: str
) -> None:
    folder = scored[0]
    root = Path(folder.archive.uri or "").parent
    upload(s3_client, s3_bucket, root)
    models = {"models": {"uri": folder.models.uri}}
    with faulty(s3_server, share=0.04, seed=2, kinds=OFTEN, hang_s=1.8) as proxy:
        settings = job_settings(f"s3://{s3_bucket}/x", {**s3(proxy.url), **models, "tables": {"buckets": 1}})
        rows = [run(spark, work, settings) for work in (Ingest, Extract, Score)]
    print(proxy.requests, proxy.suffered)
    assert set(proxy.suffered) == set(OFTEN)
    assert {row["status"] for row in rows} == {"done"}
    told = sum(row.get("retries", 0) for row in rows)
    # the requests of making a stage and of writing its row of runs are counted with no run
    assert 0.7 * sum(proxy.suffered.values()) < told
    plain = job_settings(f"s3://{s3_bucket}/x", s3(s3_server))
    for table in (SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK, CHANNELS):
        same_rows(store_of(folder), store_of(plain), table, but=("version", "domain_version"))
    same_rows(store_of(folder), store_of(plain), RECORDINGS, but=("version", "uri"))
    kept = {row["run_id"]: row["detail"] for row in read_rows(plain, RUNS)}
    for row in rows:
        assert kept[row["run_id"]] == (f"retries {row['retries']}" if "retries" in row else None)


def test_what_concerns_all_stops_the_job_with_one_message(
    spark: SparkSession, scored: Any, s3_server: str, s3_client: Any, s3_bucket: str
) -> None:
    upload(s3_client, s3_bucket, Path(scored[0].archive.uri or "").parent)
    with faulty(s3_server, share=0.0) as proxy:
        settings = job_settings(f"s3://{s3_bucket}/x", s3(proxy.url, max_attempts=1, outage_s=0.0))
        run(spark, Ingest, settings)
        proxy.deny("/archive/", "ExpiredToken", 400)
        with pytest.raises(StorageError, match=r"the credentials were refused \(ExpiredToken\)") as caught:
            run(spark, Extract, settings)
    assert type(caught.value) is StorageError
    assert "\n" not in str(caught.value)
    (failed,) = [row for row in read_rows(settings_of(s3_bucket, s3_server), RUNS) if row["status"] == "failed"]
    assert "ExpiredToken" in failed["detail"]


def settings_of(bucket: str, url: str) -> Any:
    return job_settings(f"s3://{bucket}/x", s3(url))


def test_what_concerns_one_prefix_is_quarantined_and_tried_again(
    spark: SparkSession, scored: Any, s3_server: str, s3_client: Any, s3_bucket: str
) -> None:
    upload(s3_client, s3_bucket, Path(scored[0].archive.uri or "").parent)
    with faulty(s3_server, share=0.0) as proxy:
        settings = job_settings(f"s3://{s3_bucket}/x", s3(proxy.url, max_attempts=2))
        run(spark, Ingest, settings)
        proxy.deny("/2026/03/03/c3", "AccessDenied", 403)
        s3_client.delete_object(Bucket=s3_bucket, Key="x/archive/2026/03/02/c2_a1.wav")
        row = run(spark, Extract, settings)
        assert (row["extracted"], row["reasons"]) == (2, {"forbidden": 1, "missing": 1})
        proxy.allow()
        row = run(spark, Extract, settings)
        assert (row["done_before"], row["extracted"], row["reasons"]) == (2, 1, {"missing": 1})


def test_a_restart_of_the_store_passes(
    spark: SparkSession, scored: Any, s3_process: S3Server, s3_client: Any, s3_bucket: str
) -> None:
    """It is killed in the midst of each job, and comes back after some seconds with its data."""
    folder = scored[0]
    upload(s3_client, s3_bucket, Path(folder.archive.uri or "").parent)
    models = {"models": {"uri": folder.models.uri}}
    with faulty(s3_process.url, share=0.0) as proxy:
        settings = job_settings(f"s3://{s3_bucket}/x", {**s3(proxy.url), **models, "tables": {"buckets": 1}})
        repeated = 0
        for work in (Ingest, Extract, Score):
            restart = threading.Thread(target=restart_at, args=(s3_process, proxy, proxy.requests + 20), daemon=True)
            restart.start()
            row = run(spark, work, settings)
            restart.join(60.0)
            assert not restart.is_alive()
            assert row["status"] == "done"
            repeated += row.get("retries", 0)  # the last requests of a short job may be over before the server is
        assert repeated > 0
    plain = job_settings(f"s3://{s3_bucket}/x", s3(s3_process.url))
    for table in (SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK, CHANNELS):
        same_rows(store_of(folder), store_of(plain), table, but=("version", "domain_version"))


def restart_at(server: S3Server, proxy: FaultyProxy, requests: int) -> None:
    """Kills the server when a proxy has passed on so many requests, and starts it again."""
    while proxy.requests < requests:
        time.sleep(0.005)
    server.kill()
    time.sleep(3.0)
    server.start()
