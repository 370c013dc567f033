"""A second night over a small archive: the state before each of its jobs, and what each leaves when nothing happens."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import Work
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train
from tests.support.pipeline import PATTERN, job_settings, run
from tests.support.synth import corpus_files, stereo_wav, wav, write_files

_ISOLATED = {"isolation": {"enabled": True}}  # as it is shipped
STAGES: dict[str, type[Work]] = {"ingest": Ingest, "extract": Extract, "score": Score}
JOBS: dict[str, type[Work]] = {**STAGES, "nightly": Nightly, "train": Train}
_LAST = "2026-03-04"  # with `nightly.lookback_days` before it, a night has every date


def first_calls() -> dict[str, bytes]:
    """The archive of the first night, by key."""
    return {
        "2026/03/02/c1_a1.wav": stereo_wav("sad", "angry", 5.0, 100),
        "2026/03/02/c2_a1.wav": stereo_wav("happy", "sad", 4.0, 110),
        "2026/03/02/c3_a2.wav": stereo_wav("angry", "happy", 4.0, 120),
        "2026/03/03/c4_a2.wav": wav("neutral", 4.0, 130),
        "2026/03/03/c5_a1.wav": stereo_wav("neutral", "happy", 4.0, 140),
    }


def later_calls() -> dict[str, bytes]:
    """What the second night finds beside them: new calls, a date of their own, a new upload, one that cannot be used,
    and one whose path does not match."""
    return {
        "2026/03/02/c2_a1.wav": stereo_wav("sad", "happy", 5.0, 210),
        "2026/03/03/c6_a2.wav": stereo_wav("happy", "angry", 4.0, 150),
        "2026/03/03/c7_a2.wav": b"RIFF and nothing else",
        "2026/03/04/c8_a3.wav": stereo_wav("sad", "neutral", 4.0, 160),
        UNMATCHED: wav("sad", 3.0, 170),
    }


GONE, UNMATCHED = "2026/03/03/c4_a2.wav", "elsewhere/c9.wav"
_AT = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC).timestamp()  # on a date that has other recordings


@dataclass(frozen=True)
class Night:
    """A root with archive, corpus and models, and snapshots of the tables before and after each job."""

    root: Path

    @classmethod
    def prepare(cls, session: SparkSession, root: Path) -> Night:
        """Trains a model, goes through the first night, changes the archive, goes through the second undisturbed, stage
        by stage and as one job; trains once more in a place of its own."""
        night = cls(root)
        write_files(root / "corpus", corpus_files())
        write_files(root / "archive", first_calls())
        run(session, Train, night.settings("live"))
        for work in STAGES.values():
            run(session, work, night.settings("live"))
        write_files(root / "archive", later_calls())
        (root / "archive" / GONE).unlink()
        os.utime(root / "archive" / UNMATCHED, (_AT, _AT))
        shutil.copytree(root / "live", night.before("nightly"))
        for name, work in STAGES.items():
            shutil.copytree(root / "live", night.before(name))
            run(session, work, night.settings("live"))
            shutil.copytree(root / "live", night.after(name))
        night.before("train").mkdir()
        for name in ("nightly", "train"):
            night.fresh(name, night.after(name).name)
            run(session, JOBS[name], night.settings(night.after(name).name, job=name))
        return night

    def before(self, job: str) -> Path:
        """Tables as the job finds them."""
        return self.root / f"before-{job}"

    def after(self, job: str) -> Path:
        """Tables as the job leaves them undisturbed."""
        return self.root / f"after-{job}"

    def fresh(self, job: str, name: str) -> Path:
        """A copy of the tables before the job, by the name of a trial."""
        place = self.root / name
        for old in (place, self.models(name)):
            shutil.rmtree(old, ignore_errors=True)  # of an earlier trial
        shutil.copytree(self.before(job), place)
        return place

    def models(self, name: str) -> Path:
        """Where the job `train` writes its models in a trial."""
        return self.root / f"{name}-models"

    def settings(self, tables: str, changes: dict[str, Any] | None = None, job: str = "") -> Settings:
        """Settings of a job on the tables below the folder `tables`. All have the same archive, and the same models but
        for `train`, whose corpus has its tables there too."""
        place = str(self.root / tables)
        places: dict[str, Any] = {"archive": {"pattern": PATTERN}, "tables": {"uri": place}, **_ISOLATED}
        if job == "nightly":
            places["call_date"] = _LAST
        if job == "train":
            places |= {"corpus": {"tables_uri": place}, "models": {"uri": str(self.models(tables))}}
        return job_settings(self.root, {**places, **(changes or {})})

    def overlay(self, settings: Settings) -> Path:
        """The settings as a file for `--config`."""
        path = Path(f"{settings.tables.uri}.yaml")
        path.write_text(yaml.safe_dump(settings.model_dump(mode="json", by_alias=True)))
        return path


def spark_home(root: Path) -> Path:
    """A SPARK_HOME of links to the installed one: the executors of `local-cluster` write their folders into it."""
    import pyspark

    place = root / "spark-home"
    place.mkdir(exist_ok=True)
    for part in Path(pyspark.__file__).parent.iterdir():
        if not (place / part.name).exists():
            (place / part.name).symlink_to(part)
    return place
