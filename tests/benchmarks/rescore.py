"""Scoring from features, the cost of a new model, against extraction and scoring."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

from ser_core.config import Settings
from tests.benchmarks.bench_model import write_model
from tests.benchmarks.copies import copied
from tests.benchmarks.jobs import CORES, alternately, extract, ingested, run, scratch
from tests.benchmarks.registry import Measured, benchmark, size

_CALL_S = 120.0
_REPEATS = 2


@benchmark(
    "rescore_vs_full",
    "segments a second of the score job over features of 1,000,000 segments / of the extract and the score job over "
    "the 900 calls that these are copies of, which decodes; the shipped feature set and ensemble, warm session, two "
    "cores, seconds on the clock, tables written",
    at_least=50,
)
def rescore_vs_full() -> Measured:
    runs = _runs()
    rates = {
        "segments a second, re-scored": sum(run["rescored"] for run in runs) / len(runs),
        "segments a second, extracted and scored": sum(run["full"] for run in runs) / len(runs),
    }
    return Measured([run["rescored"] / run["full"] for run in runs], rates)


@benchmark(
    "rescore_rows", "re-scoring's side of the same: segments a second a core, 18 perceptrons, tables written",
    at_least=5000,
)  # fmt: skip
def rescore_rows() -> Measured:
    return Measured([run["rescored"] / CORES for run in _runs()])


@lru_cache(maxsize=1)
def _runs() -> list[dict[str, float]]:
    """Segments per second of each side, run by run; the tables of one side are rewritten each time."""
    full, _ = ingested("rescore", [_CALL_S] * size(900, 40))
    write_model(full)
    extract(full)
    many = copied(full, scratch() / "rescore-many", size(1_000_000, 40_000))
    score(many)  # warm

    def both() -> float:
        seconds = extract(full)
        scored_s, segments = score(full)
        return segments / (seconds + scored_s)

    def rescored() -> float:
        seconds, segments = score(many)
        return segments / seconds

    try:
        return alternately({"full": both, "rescored": rescored}, size(_REPEATS, 1))
    finally:
        shutil.rmtree(scratch() / "rescore-many")


def score(settings: Settings) -> tuple[float, int]:
    """Wall seconds of the score job, run again from the start, and the segments that it scored."""
    from ser_core.pipeline.stages.score import Score

    for table in ("segment_emotions", "call_emotions", "call_talk"):
        shutil.rmtree(Path(settings.tables.uri, table), ignore_errors=True)
    seconds, row = run(Score, settings)
    return seconds, int(row["scored_segments"])
