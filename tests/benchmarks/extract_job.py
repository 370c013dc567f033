"""The extract job against the same work without Spark, and against a naive Spark job."""

from __future__ import annotations

import io
import statistics
import time
from pathlib import Path

from ser_core.config import Settings
from ser_core.sound.extraction import ExtractionPlan
from ser_core.sound.extraction import extract as extract_one
from tests.benchmarks.jobs import CORES, PAPER, alternately, extract, ingested, scratch, session
from tests.benchmarks.registry import Measured, benchmark, size

_CALL_S = 180.0


@benchmark(
    "job_efficiency",
    "one plain process that reads, decodes and extracts the same files, its speed doubled / the extract job on two "
    "cores, tables written; warm session, seconds on the clock",
    at_least=0.85,
)
def job_efficiency() -> Measured:
    settings, seconds = ingested("efficiency", [_CALL_S] * size(720, 30))
    small, _ = ingested("efficiency-warm", [_CALL_S] * 2 * CORES)
    sides = {"plain": lambda: _plain(settings), "job": lambda: extract(settings)}
    extract(small)
    runs = alternately(sides, size(2, 1))
    rates = {f"{side} x real time": seconds / statistics.median(run[side] for run in runs) for side in sides}
    return Measured([run["plain"] / (CORES * run["job"]) for run in runs], rates)


@benchmark(
    "job_vs_naive_spark",
    "the Spark job that people write (binaryFile, RDD, librosa file by file at the file's rate, a vector a channel) / "
    "the extract job of paper-180 (speech found on both channels, a vector a segment); both decode, two cores, warm "
    "session, seconds on the clock",
    at_least=5,
)
def job_vs_naive_spark() -> Measured:
    settings, seconds = ingested("naive", [_CALL_S] * size(1200, 60), *PAPER)
    small, _ = ingested("naive-warm", [_CALL_S] * 2 * CORES, *PAPER)
    extract(small)
    _naive(small)
    sides = {"naive": lambda: _naive(settings), "job": lambda: extract(settings)}
    runs = alternately(sides, 1)
    rates = {f"{side} x real time": seconds / statistics.median(run[side] for run in runs) for side in sides}
    return Measured([run["naive"] / run["job"] for run in runs], rates)


def _plain(settings: Settings) -> float:
    """Wall seconds of one process that handles the files in turn."""
    plan, files = ExtractionPlan.of(settings), sorted(Path(str(settings.archive.uri)).iterdir())
    begin = time.perf_counter()
    for path in files:
        data = path.read_bytes()
        extract_one(io.BytesIO(data), len(data), plan)
    return time.perf_counter() - begin


def _naive(settings: Settings) -> float:
    from tests.benchmarks.naive import naive_job

    spark, begin = session(), time.perf_counter()
    rows = naive_job(spark, str(settings.archive.uri), scratch() / "naive-out")
    took = time.perf_counter() - begin
    expected = len(list(Path(str(settings.archive.uri)).iterdir()))
    if rows != expected:
        raise AssertionError(f"the naive job wrote {rows} rows of {expected} files")
    return took
