"""Readers that poll tables while two models score them in turn: each row is there once, and is what its model says.

`python -m tests.faults.torn_reads [--times 20]`, on a folder and on S3.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.tables.store import TableStore
from ser_core.errors import QueryError, StorageError
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train
from tests.faults.night import Night
from tests.faults.report import record
from tests.faults.running import warm_session
from tests.faults.torn_readers import COLUMNS, Expected, Reader, by_catalog, by_duckdb, by_object, by_spark
from tests.support.pipeline import run, store_of
from tests.support.s3 import environment
from tests.support.s3_server import client_of, real_server

MODELS = ("emotions/1", "emotions/2")
PRIORS: tuple[Mapping[str, float] | None, ...] = (None, {"neutral": 0.7})


def read_while_scored(
    session: SparkSession, night: Night, times: int, bucket_uri: str | None = None, endpoint_url: str | None = None
) -> dict[str, Reader]:
    """Scores the same dates `times` times, by two models and two settings in turn, while readers poll.

    Args:
        session: for all jobs.
        night: prepared.
        times: that the dates are scored while they are read.
        bucket_uri: of the tables, such as s3://bucket; None: they are in a folder.
        endpoint_url: of S3.

    Returns:
        The readers, done, by name.
    """
    place = night.fresh("score", "torn")
    changes: dict[str, Any] = {}
    if bucket_uri is not None:
        changes = {"tables": {"uri": f"{bucket_uri}/torn"}, "storage": {"s3": {"endpoint_url": endpoint_url}}}
    settings = night.settings(place.name, changes)
    if not (night.root / "models" / MODELS[1]).exists():
        run(session, Train, night.settings(place.name, {"training": {"seed": 1}}))
    store = store_of(settings)
    if bucket_uri is not None:
        source = store_of(night.settings(place.name))
        for info in source.storage.list():
            store.storage.put(info.key, source.storage.read(info.key))
    turns = [(model, priors) for priors in PRIORS for model in MODELS]
    expected = Expected()
    for number, (model, priors) in enumerate(turns):
        run(session, Score, night.settings(place.name, {**changes, **_scoring(model, priors)}))
        if number % len(MODELS) == len(MODELS) - 1:  # both models have scored by these settings
            for table in COLUMNS:
                expected.add(table, by_object(store)(table))
    assert expected.distinct(), "both models say the same: a mixture would not be seen"
    readers = _readers(session, settings, store, expected)
    for reader in readers.values():
        reader.start()
    try:
        for model, priors in itertools.islice(itertools.cycle(turns), times):
            run(session, Score, night.settings(place.name, {**changes, **_scoring(model, priors)}))
    finally:
        for reader in readers.values():
            reader.stop()
    return readers


def _readers(session: SparkSession, settings: Settings, store: TableStore, expected: Expected) -> dict[str, Reader]:
    ours = {
        "ser query": Reader(by_catalog(store), expected, (StorageError, QueryError)),
        "whole objects": Reader(by_object(store), expected),
    }
    if "://" in settings.tables.uri:
        return ours
    return {
        **ours,
        "duckdb": Reader(by_duckdb(settings.tables.uri), expected),
        "spark": Reader(by_spark(session.newSession(), settings.tables.uri), expected, (PySparkException,)),
    }


def _scoring(model: str, priors: Mapping[str, float] | None) -> dict[str, Any]:
    return {"scoring": {"again": True, "model": model, "priors": priors}}


def main() -> int:
    """Runs the trial, prints what each reader saw, and records the torn answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="torn-") as root, real_server() as server:
        os.environ.update(environment(server.key, server.secret))
        client_of(server.url, server.key, server.secret).create_bucket(Bucket="torn")
        with warm_session() as session:
            night = Night.prepare(session, Path(root))
            for where, places in (("folder", ()), ("s3", ("s3://torn", server.url))):
                for name, reader in read_while_scored(session, night, given.times, *places).items():
                    print(
                        f"{where:6} {name:13} {reader.looks} answers, {len(reader.torn)} torn, {reader.failed} failed"
                    )
                    print("".join(f"  {text}\n" for text in reader.torn[:3]), end="")
                    total.update(torn_reads=len(reader.torn), torn_read_looks=reader.looks)
                    total.update(torn_read_queries_failed=reader.failed, torn_readers_without=reader.looks == 0)
    blind = total.pop("torn_readers_without")
    record({**total, "torn_read_rescores": 2 * given.times})
    return 1 if total["torn_reads"] or blind else 0


if __name__ == "__main__":
    raise SystemExit(main())
