"""A small archive of two days, taken through the whole chain once; tests change copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train
from tests.faults.night import Night
from tests.support.pipeline import PATTERN, job_settings, run
from tests.support.synth import corpus_files, stereo_wav, wav, write_files

DATED = {"archive": {"pattern": PATTERN}}


def calls() -> dict[str, bytes]:
    """Customer and agent on their own channels, and one mono call, c4, which holds both."""
    return {
        "2026/03/02/c1_a1.wav": stereo_wav("sad", "angry", 9.0, 100),
        "2026/03/02/c2_a1.wav": stereo_wav("happy", "sad", 4.0, 110),
        "2026/03/03/c3_a2.wav": stereo_wav("angry", "happy", 4.0, 120),
        "2026/03/03/c4_a2.wav": wav("neutral", 4.0, 130),
    }


@pytest.fixture(scope="session")
def trained(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A root with a corpus and a promoted model, and the row of the run that made it."""
    root = tmp_path_factory.mktemp("chain")
    write_files(root / "corpus", corpus_files())
    write_files(root / "archive", calls())
    return root, run(spark, Train, job_settings(root, DATED))


@pytest.fixture(scope="session")
def scored(spark: SparkSession, trained: tuple[Path, dict[str, Any]]) -> tuple[Settings, dict[str, Any]]:
    """The archive ingested, extracted and scored, and the row of the scoring run."""
    settings = job_settings(trained[0], DATED)
    run(spark, Ingest, settings)
    run(spark, Extract, settings)
    return settings, run(spark, Score, settings)


@pytest.fixture
def copied(scored: tuple[Settings, dict[str, Any]], tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a copy of the scored root that a test may change, with changes to the settings."""

    def copy(changes: Mapping[str, Any] | None = None) -> Settings:
        shutil.copytree(Path(scored[0].tables.uri).parent, tmp_path / "root", dirs_exist_ok=True)
        return job_settings(tmp_path / "root", {**DATED, **(changes or {})})

    return copy


@pytest.fixture(scope="session")
def night(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The state before and after each job of a second night, for kills and torn reads."""
    return Night.prepare(spark, tmp_path_factory.mktemp("night"))
