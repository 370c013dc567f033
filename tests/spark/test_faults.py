"""Short versions of the trials of `make faults`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.faults.fuzz import fuzz
from tests.faults.kills import Trial, run_trials
from tests.faults.torn_reads import watch


@pytest.mark.parametrize(
    "trial",
    [
        Trial("score", "driver", publishing=True, moment=0.5),
        Trial("extract", "worker", publishing=False, moment=0.3),
    ],
    ids=["driver while publishing", "worker while extracting"],
)
def test_a_killed_job_leaves_nothing_wrong(spark: SparkSession, tmp_path: Path, trial: Trial) -> None:
    assert run_trials(spark, tmp_path, [trial], seed=1) == (1, [])


def test_no_reader_sees_a_call_missing_or_doubled(spark: SparkSession, tmp_path: Path) -> None:
    for reader in watch(spark, tmp_path, rounds=2):
        assert reader.reads > 2
        assert reader.torn == []


def test_mutated_files_are_heard_or_refused_with_a_reason(spark: SparkSession, tmp_path: Path) -> None:
    found = fuzz(spark, tmp_path, 150, seed=0)
    assert (found.listed, found.unexplained) == (150, ())
    assert found.extracted > 20
    assert {"not_audio", "truncated"} <= set(found.reasons)
