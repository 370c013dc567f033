"""The whole chain: twice the same, the same on S3, and by night."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_EMOTIONS, CHANNELS, RECORDINGS, RUNS, SEGMENT_EMOTIONS
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train
from tests.support.pipeline import PATTERN, job_settings, read_rows, run, same_rows, same_tables, store_of
from tests.support.synth import stereo_wav, write_files

Scored = tuple[Settings, Mapping[str, Any]]
DATED = {"archive": {"pattern": PATTERN}}


def test_two_chains_over_one_archive_give_the_same_tables(spark: SparkSession, scored: Scored, tmp_path: Path) -> None:
    first, _ = scored
    places = {
        "archive": {"uri": first.archive.uri},
        "corpus": {"uri": first.corpus.uri},
        "tables": {"buckets": first.tables.buckets},
    }
    again = job_settings(tmp_path, {**places, "archive": {**DATED["archive"], **places["archive"]}})
    for work in (Train, Ingest, Extract, Score):
        run(spark, work, again)
    same_tables(store_of(first), store_of(again), but=("runs",))
    corpora = (one.model_copy(update={"tables": one.tables.model_copy(update={"uri": one.corpus.tables_uri})})
               for one in (first, again))  # fmt: skip
    same_tables(*(store_of(one) for one in corpora))


def test_the_chain_is_the_same_on_s3(
    spark: SparkSession, scored: Scored, s3_server: str, s3_client: Any, s3_bucket: str
) -> None:
    folder, _ = scored
    root = Path(folder.archive.uri or "").parent
    for part in ("archive", "corpus"):
        for path in (root / part).rglob("*.*"):
            s3_client.upload_file(str(path), s3_bucket, f"x/{path.relative_to(root)}")
    s3 = {"endpoint_url": s3_server, "region": "us-east-1"}
    settings = job_settings(f"s3://{s3_bucket}/x", {**DATED, "storage": {"s3": s3}})
    assert run(spark, Train, settings)["status"] == "done"
    # A manifest's recordings are named by their place: elsewhere they are dealt into other parts of the population.
    for path in (root / "models/emotions/1").iterdir():
        s3_client.upload_file(str(path), s3_bucket, f"x/{path.relative_to(root)}")
    for work in (Ingest, Extract, Score):
        assert run(spark, work, settings)["status"] == "done"
    for table in (SEGMENT_EMOTIONS, CALL_EMOTIONS, CHANNELS):
        same_rows(store_of(folder), store_of(settings), table, but=("version", "domain_version"))
    same_rows(store_of(folder), store_of(settings), RECORDINGS, but=("version", "uri"))
    assert run(spark, Score, settings)["scored_segments"] == 0


def test_a_night_publishes_its_date_and_those_before_it(spark: SparkSession, copied: Callable[..., Settings]) -> None:
    night = {"call_date": "2026-03-05", "nightly": {"lookback_days": 1}}
    settings = copied(night)
    keys = [f"2026/03/{day:02d}/n{day}_a1.wav" for day in (3, 4, 5, 6)]
    files = {key: stereo_wav("sad", "happy", 1.0, place) for place, key in enumerate(keys)}
    write_files(Path(settings.archive.uri or ""), files)
    before = {str(row["run_id"]) for row in read_rows(settings, RUNS)}
    row = run(spark, Nightly, settings)
    days = {dt.date(2026, 3, 4), dt.date(2026, 3, 5)}
    fresh = [one for one in read_rows(settings, CALL_EMOTIONS) if one["run_id"] == row["score"]]
    assert {(one["call_id"], one["call_date"].day) for one in fresh} == {("n4", 4), ("n5", 5)}
    known = {one["call_id"]: one["call_date"] for one in read_rows(settings, RECORDINGS)}
    assert days <= set(known.values())
    assert {"n3", "n6"}.isdisjoint(known)  # outside the window: not listed
    mine = [one for one in read_rows(settings, RUNS) if one["run_id"] not in before]
    assert {one["job"] for one in mine} == {"ingest", "extract", "score", "nightly"}
    assert {one["status"] for one in mine} == {"done"}
    assert (row["listed"], row["extracted"], row["scored_calls"]) == (2, 2, 2)
    again = run(spark, Nightly, settings)
    assert (again["extracted"], again["done_before"], again["scored_calls"]) == (0, 2, 0)
