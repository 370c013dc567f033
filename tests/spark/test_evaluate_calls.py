"""The benchmark on planted voices: every stage runs, callers are strangers, and the file holds every figure."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from ser_core.errors import SettingsError
from ser_core.learning.evaluation.call_metrics import summarise_calls
from ser_core.learning.evaluation.timeline import PREDICTIONS, UNNORMALISED
from ser_core.pipeline.benchmarks.call_benchmark import CONDITIONS, CallBenchmark
from tests.support.pipeline import job_settings
from tests.support.synth import SPEAKERS, corpus_files, write_files


@pytest.fixture
def benchmark(tmp_path: Path) -> CallBenchmark:
    write_files(tmp_path / "corpus", corpus_files())
    settings = job_settings(tmp_path, {"segments": {"mode": "window", "window_s": 0.5, "min_s": 0.25}})
    return CallBenchmark(settings, tmp_path / "work", calls_per_fold=2, seed=0)


def test_calls_of_strangers_through_the_jobs(spark: SparkSession, benchmark: CallBenchmark, tmp_path: Path) -> None:
    found = benchmark.run([1])
    assert found.schema == PREDICTIONS
    for condition in CONDITIONS:
        for suffix in ("", UNNORMALISED):
            rows = found.filter(pc.field("condition") == condition + suffix)
            assert set(rows["call"].to_pylist()) == {"call-0001", "call-0002"}
            assert rows["segment"].null_count < len(rows)
    callers = set(found["speaker"].to_pylist())
    with (tmp_path / "work" / "fold-1" / "clips.csv").open(encoding="utf-8") as file:
        trained = {row["speaker"] for row in csv.DictReader(file)}
    assert callers == set(benchmark.folds[1])
    assert callers | trained == set(SPEAKERS)
    assert not callers & trained
    told = summarise_calls(found)
    assert told["segment_uar_clean"] > 0.5  # chance is 0.25
    assert told["speech_recall"] > 0.95
    assert 0 <= told["silence_kept"] <= 1


def test_a_fold_that_is_not_there(benchmark: CallBenchmark) -> None:
    with pytest.raises(SettingsError, match=r"no fold \[3\]: the corpus has the folds 0 to 2"):
        benchmark.run([0, 3])
