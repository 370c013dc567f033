"""Thirty nights of an archive that is never the same: after the last one every table must equal the truth.

`python -m tests.faults.nights [--nights 30] [--seed 0]`

Calls are new, late, replaced, deleted, corrected, and have ids of other days. Nights are missed, killed, and find no
recordings, unreadable ones or an empty archive. A limit, the model and a setting change. All this happens twice: with
dates in paths, and with dates in the metadata.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CALL_EMOTIONS
from ser_core.errors import IncompleteError, LeaseHeldError, PublishRefusedError
from ser_core.learning.training.bundle import promote
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.train import Train
from ser_core.pipeline.state.dates import Dates
from tests.faults.nights_plan import Plan, long_plan
from tests.faults.nights_truth import differences
from tests.faults.nights_world import DAY, START, Dated, World
from tests.faults.processes import below, kill
from tests.faults.report import record
from tests.faults.running import CONF, JAVA, LEASE_S, warm_session
from tests.support.pipeline import job_settings, merged, run, store_of
from tests.support.synth import corpus_files, write_files

_LONGEST_S = 300.0
_LIMITS_S = (7.0, 20.0)
_ENGAGEMENT = ({"arousal": 0.5}, {"arousal": 0.9})


class Simulation:
    """Nights over one world.

    Args:
        session: for all nights but those that are killed.
        root: an empty folder.
        dated: where the dates of calls are.
        plan: what happens.
        seed: of all that is random.
    """

    def __init__(self, session: SparkSession, root: Path, dated: Dated, plan: Plan, seed: int) -> None:
        self.session, self.root, self.plan, self.dated = session, root, plan, dated
        self.rng = random.Random(f"{dated} {seed}")
        self.world = World(root, dated, self.rng, still=plan.left_alone)
        self.ended: dict[int, str] = {}
        self.lost: dict[int, str] = {}
        self.kills = 0
        self.faults: list[str] = []
        self._published: Counter[dt.date] = Counter()

    def run(self) -> list[str]:
        """Goes through all nights; what is not as it should be, a sentence each."""
        write_files(self.root / "corpus", corpus_files())
        for seed in (0, 1):
            run(self.session, Train, self.settings(0, {"training": {"seed": seed}}))
        for day in range(self.plan.nights):
            self._day(day)
            if day not in self.plan.missed:
                self.ended[day] = self._night(day)
                self._look(day)
        last = self.settings(self.plan.nights - 1)
        return [*self.faults, *differences(last, self.world, self.plan, self.ended, self.lost)]

    def settings(self, day: int, changes: Mapping[str, Any] | None = None) -> Settings:
        """The settings of a night."""
        nightly = {"lookback_days": 2, "full_listing_days": 1 if day == self.plan.nights - 1 else 7}
        of_day = {
            "archive": self.world.archive,
            "limits": {"max_duration_s": _LIMITS_S[day >= self.plan.limit]},
            "engagement": _ENGAGEMENT[day >= self.plan.setting],
            "drift": {"min_days": 3},
            "nightly": nightly,
            "retention": {"follow_audio": self.dated == "path"},
        }
        return job_settings(self.root, merged(of_day, changes or {}))

    def _day(self, day: int) -> None:
        """What happens to the archive before the night of a day."""
        if day in self.plan.empty:
            self.world.arrive(day)
        else:
            self.world.upload(day, audio=day not in self.plan.unreadable)
        self.world.change(day)
        if day in self.plan.spoilt:
            self.world.spoil(START + self.plan.spoilt[day] * DAY)
        for healed in self.plan.healed.get(day, ()):
            self.world.heal(START + healed * DAY)
        self.world.describe()
        if day == self.plan.model:
            models = open_storage(self.settings(day).models.uri, self.settings(day).storage)
            promote(models, "emotions/2")

    def _night(self, day: int) -> str:
        """Runs the night of a day, at half past two of the next; how it ended."""
        if day in self.plan.lost:
            archive, away = self.root / "archive", self.root / "archive-away"
            archive.rename(away)
            archive.mkdir()
            self.lost[day] = self._undisturbed(day)
            archive.rmdir()
            away.rename(archive)
            self._look(day)
        if day in self.plan.killed:
            self._killed(day)
            self._look(day)
        return self._undisturbed(day)

    def _undisturbed(self, day: int) -> str:
        settings, deadline = self.settings(day), time.monotonic() + _LONGEST_S
        while True:
            try:
                execute(Nightly(settings, _now(day)), settings, self.session)
            except LeaseHeldError:  # of the night that was killed
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            except (PublishRefusedError, IncompleteError) as error:
                return f"{type(error).__name__}: {error}"
            else:
                return "done"

    def _killed(self, day: int) -> None:
        """Starts the night in a process of its own, and kills it at a random moment."""
        spark = {"master": "local[2]", "driver_memory": "1g", "conf": CONF}
        settings = self.settings(day, {"lease": {"expiry_s": LEASE_S}, "spark": spark})
        overlay = self.root / "killed.yaml"
        overlay.write_text(yaml.safe_dump(settings.model_dump(mode="json", by_alias=True)))
        words = [sys.executable, "-m", "tests.faults.nights_driver", str(overlay), _now(day).isoformat()]
        unset = {"PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET", "SPARK_HOME"}
        environ = {key: value for key, value in os.environ.items() if key not in unset}
        tables = Path(settings.tables.uri)
        before = _files(tables)
        with (self.root / f"killed-{day}.log").open("wb") as log:
            process = subprocess.Popen(words, env={**environ, **JAVA}, stdout=log, stderr=log)
        begun, after_s = None, self.rng.uniform(0.0, 25.0)
        while process.poll() is None:
            if begun is None and _files(tables) != before:  # it has its lease: from then on the moment counts
                begun = time.monotonic()
            if begun is not None and time.monotonic() - begun > after_s:
                self.kills += 1
                for victim in below(process.pid):
                    kill(victim)
            time.sleep(0.05)

    def _look(self, day: int) -> None:
        """No date that has been published may be without rows."""
        store = store_of(self.settings(day))
        dates = Dates(store)
        for date in dates:
            version = dates.row(date).get("model_version")
            rows = 0
            if version is not None:
                files = store.files_of(CALL_EMOTIONS, model_version=version, call_date=date)
                rows = len(store.read_all(CALL_EMOTIONS, files, ("call_id",)))
            if self._published[date] and not rows:
                self.faults.append(f"{date} had {self._published[date]} published rows and has none after night {day}")
            self._published[date] = rows


def _now(day: int) -> dt.datetime:
    return dt.datetime.combine(START + (day + 1) * DAY, dt.time(2, 30), dt.UTC)


def _files(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*.json")} if root.exists() else set()


def main() -> int:
    """Runs the nights twice, prints what is not as it should be, and records how many such things there are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faults: list[str] = []
    totals: Counter[str] = Counter()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nights-") as root, warm_session() as session:
        for dated in get_args(Dated):
            plan = long_plan(given.nights, random.Random(given.seed))
            simulation = Simulation(session, Path(root, dated), dated, plan, given.seed)
            faults += [f"dates in {dated}: {text}" for text in simulation.run()]
            totals.update(nights=len(simulation.ended), night_kills=simulation.kills)
            totals.update(night_recordings=len(simulation.world.calls))
    minutes = round((time.monotonic() - begin) / 60, 1)
    record({**totals, "night_differences": len(faults), "night_minutes": minutes})
    print(f"{totals['nights']} nights, {totals['night_kills']} killed, {totals['night_recordings']} recordings, "
          f"{len(faults)} differences, {minutes} min")  # fmt: skip
    print("".join(f"  {text}\n" for text in faults[:30]), end="")
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
