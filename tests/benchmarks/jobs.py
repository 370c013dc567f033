"""Running the jobs for benchmarks: one warm Spark session on two cores, and wall seconds."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_core.config import Settings, load_settings
from tests.benchmarks.registry import NotMeasuredError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from ser_core.pipeline.stages.job import Work

CORES = 2
PAPER = ("--features.set", "paper-180")
_MEMORY = "2g"


@lru_cache(maxsize=1)
def scratch() -> Path:
    """A folder that is deleted when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="ser-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def settings_of(root: Path, *more: str) -> Settings:
    """The shipped settings, for `archive` and `tables` below `root`."""
    places = ["--archive.uri", f"{root}/archive", "--tables.uri", f"{root}/tables", "--models.uri", f"{root}/models"]
    return load_settings([*places, "--spark.master", f"local[{CORES}]", *more], environ={})


def session() -> SparkSession:
    """The running session, or a new one, whose workers have computed nothing yet."""
    from ser_core.pipeline.engine.session import JavaNotFoundError, start_session

    logging.getLogger("ser_core").setLevel(logging.ERROR)
    try:
        return start_session("bench", load_settings(["--spark.master", f"local[{CORES}]"], environ={}).spark)
    except JavaNotFoundError as error:
        raise NotMeasuredError(f"needs Java ({error})") from error


def run(work: Callable[[Settings], Work], settings: Settings) -> tuple[float, Mapping[str, Any]]:
    """Wall seconds of a job in the session, and its row of `runs`."""
    from ser_core.pipeline.stages.job import execute

    spark, job = session(), work(settings)
    begin = time.perf_counter()
    row = execute(job, settings, spark)
    return time.perf_counter() - begin, row


def ingested(name: str, lengths_s: Sequence[float], *more: str) -> tuple[Settings, float]:
    """Settings of a new archive with calls of these lengths, listed, and its channel-seconds."""
    from ser_core.pipeline.stages.ingest import Ingest
    from tests.benchmarks.archives import write_archive

    root = scratch() / name
    if root.exists():
        shutil.rmtree(root)
    seconds = write_archive(root / "archive", lengths_s)
    settings = settings_of(root, *more)
    run(Ingest, settings)
    return settings, seconds


def extract(settings: Settings) -> float:
    """Wall seconds of the extract job, run again from the start; nothing is refused."""
    from ser_core.pipeline.stages.extract import Extract

    for table in ("features", "channels", "quarantine"):
        shutil.rmtree(Path(settings.tables.uri, table), ignore_errors=True)
    seconds, row = run(Extract, settings)
    if row["extracted"] != row["listed"]:
        raise AssertionError(f"extracted {row['extracted']} of {row['listed']} recordings")
    return seconds


def alternately(sides: Mapping[str, Callable[[], float]], repeats: int) -> list[dict[str, float]]:
    """The time that each side reports, run by run, the sides in turn."""
    return [{side: work() for side, work in sides.items()} for _ in range(repeats)]
