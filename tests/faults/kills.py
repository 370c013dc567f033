"""Jobs killed at any moment, run again, and held against runs that nobody disturbed.

    python -m tests.faults.kills [--trials 50] [--seed 0]

A trial starts a job as `ser` does, kills -9 a Python worker, an executor (`local-cluster`) or the driver at a seeded
moment, runs the rest of the chain, and compares every table with that of an undisturbed chain; log tables after
`ser maintain`, which drops what no reader takes. Half of the trials of `score` kill while files of dates that are
published already are being replaced. Writes `kills` and `kill_differences` to build/faults.json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ser_core.config import Settings
from ser_core.errors import LeaseHeldError
from ser_core.tables.schemas import RUNS
from ser_core.upkeep.maintain import Maintain
from tests.faults.processes import end_group, kill
from tests.faults.report import record
from tests.support.pipeline import PATTERN, job_settings, run, same_tables, store_of
from tests.support.synth import EMOTIONS, corpus_files, stereo_wav, wav, write_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JOBS = ("ingest", "extract", "score")
PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "ingest": ("recordings",),
    "extract": ("features", "channels", "quarantine"),
    "score": ("call_talk", "segment_emotions", "call_emotions"),
}
EXPIRY_S = 4.0
CLUSTER = "local-cluster[1,2,1024]"
MAIN = "import sys; from ser_core.cli.main import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Trial:
    """`moment` is a share of the undisturbed job's time, or, with `publishing`, of the files that it writes."""

    job: str
    target: str
    publishing: bool
    moment: float


def trials(count: int, seed: int) -> Iterator[Trial]:
    """Seeded, the same for the same arguments: the jobs and targets in turn, of `score` two for one of the others."""
    rng = random.Random(seed)
    order = ("score", "ingest", "score", "extract")
    targets = ("driver", "worker", "executor")
    for number in range(count):
        job = order[number % len(order)]
        publishing = (job == "score" and number % 4 == 0) or number % 8 == 1
        yield Trial(job, targets[number // 2 % 3], publishing, rng.random())


def archive() -> dict[str, bytes]:
    """Calls of two days, one of them broken."""
    files = {
        f"2026/03/0{2 + number % 2}/c{number}_a{number % 3}.wav": stereo_wav(
            EMOTIONS[number % 4], EMOTIONS[(number + 1) % 4], 3.0 + number % 3, 10 * number
        )
        for number in range(8)
    }
    return {**files, "2026/03/03/c8_a1.wav": wav("happy")[:300], "2026/03/03/c9_a1.wav": wav("sad", 2.0, 7)}


class Harness:
    """Roots before and after each job of an undisturbed chain, and a warm session that runs jobs to their end."""

    def __init__(self, session: SparkSession, folder: Path) -> None:
        from ser_core.spark.extract import Extract
        from ser_core.spark.ingest import Ingest
        from ser_core.spark.score import Score
        from ser_core.spark.train import Train

        self.session, self.folder = session, folder
        self.works = {"ingest": Ingest, "extract": Extract, "score": Score}
        root = folder / "start"
        write_files(root / "corpus", corpus_files())
        write_files(root / "archive", archive())
        run(session, Train, self.settings(root))
        self.before: dict[str, Path] = {}
        self.took: dict[tuple[str, bool, bool], float] = {}
        self.files: dict[tuple[str, bool], int] = {}
        for job in JOBS:
            self.before[job] = root
            root = self.copy(root, f"after-{job}")
            run(session, self.works[job], self.settings(root))
        self.done = root
        self._maintain(self.settings(self.copy(root, "expected")))
        self.expected = self.folder / "expected"

    def settings(self, root: Path, **more: Any) -> Settings:
        """Of a root; killed executors count as one failure of a task, as on a cluster."""
        lease = {"expiry_s": EXPIRY_S}
        return job_settings(root, {"archive": {"pattern": PATTERN}, "lease": lease, **more})

    def copy(self, root: Path, name: str) -> Path:
        """A copy of a root, in which recordings keep their times."""
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(root, target, copy_function=shutil.copy2)
        return target

    def start(self, job: str, root: Path, cluster: bool, again: bool) -> subprocess.Popen[bytes]:
        """The job in processes of its own."""
        spark = {"master": CLUSTER if cluster else "local[2,4]", "driver_memory": "512m"}
        settings = self.settings(root, spark=spark, scoring={"again": again})
        path = root / "site.yaml"
        path.write_text(yaml.safe_dump(json.loads(settings.model_dump_json(by_alias=True))), encoding="utf-8")
        with (root / f"{job}.log").open("wb") as log:
            command = [sys.executable, "-c", MAIN, job, "--config", str(path)]
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def undisturbed(self, job: str, cluster: bool, again: bool) -> None:
        """Measures a job for its trials: the time from its beginning, and the files it writes."""
        root = self.copy(self.done if again else self.before[job], "undisturbed")
        known = _files(root, job)
        process = self.start(job, root, cluster, again)
        _until(process, lambda: b" begins" in (root / f"{job}.log").read_bytes())
        began = time.monotonic()
        if process.wait(180):
            raise RuntimeError(f"{job} failed undisturbed: {(root / f'{job}.log').read_text(encoding='utf-8')[-3000:]}")
        self.took[job, cluster, again] = time.monotonic() - began
        self.files[job, again] = len(_files(root, job).items() - known.items())

    def try_one(self, number: int, trial: Trial, rng: random.Random) -> tuple[str, str | None]:
        """What was killed, and how the tables differ then; None where they do not."""
        cluster = trial.target == "executor"
        again = trial.job == "score" and trial.publishing
        if (trial.job, cluster, again) not in self.took:
            self.undisturbed(trial.job, cluster, again)
        root = self.copy(self.done if again else self.before[trial.job], f"trial-{number}")
        known = _files(root, trial.job)
        process = self.start(trial.job, root, cluster, again)
        log = root / f"{trial.job}.log"
        try:
            _until(process, lambda: b" begins" in log.read_bytes())
            if trial.publishing:
                wanted = 1 + int(trial.moment * (self.files[trial.job, again] - 1))
                _until(process, lambda: len(_files(root, trial.job).items() - known.items()) >= wanted)
            else:
                time.sleep(trial.moment * self.took[trial.job, cluster, again])
            killed = _until(process, lambda: kill(trial.target, process.pid, rng))
            process.wait(120)
        finally:
            if trial.target != "driver":  # what a dead driver leaves behind stays, as it would
                end_group(process.pid)
        said = f"killed, exit code {process.returncode}" if killed else "over before it could be killed"
        return said, self._difference(root)

    def _difference(self, root: Path) -> str | None:
        settings = self.settings(root)
        for job in JOBS:
            self._to_the_end(job, settings)
        self._maintain(settings)
        try:
            same_tables(store_of(self.settings(self.expected)), store_of(settings), but=(RUNS.name,))
        except AssertionError as error:
            return str(error)
        return None

    def _to_the_end(self, job: str, settings: Settings) -> None:
        """Runs a job, as a scheduler would, as soon as the dead run's lease has run out."""
        deadline = time.monotonic() + 60
        while True:
            try:
                run(self.session, self.works[job], settings)
            except LeaseHeldError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return

    def _maintain(self, settings: Settings) -> None:
        now = dt.datetime.now(dt.UTC)
        run_id = now.strftime("%Y%m%dT%H%M%S-ffffff")
        Maintain(store_of(settings), settings.maintain, run_id, None).run(now)


def _files(root: Path, job: str) -> dict[str, int]:
    """Files of the tables that a job writes, with the time each was written."""
    found = {}
    for table in PUBLISHED[job]:
        for path in (root / "tables" / table).rglob("[!_]*.parquet"):
            try:
                found[str(path)] = path.stat().st_mtime_ns
            except FileNotFoundError:  # replaced since
                continue
    return found


def _until(process: subprocess.Popen[bytes], is_so: Any) -> bool:
    """Waits for it; False where the process has ended before."""
    deadline = time.monotonic() + 120
    while process.poll() is None:
        if is_so():
            return True
        if time.monotonic() > deadline:
            raise TimeoutError("the moment did not come within 120 s")
        time.sleep(0.002)
    return False


def run_trials(session: SparkSession, folder: Path, wanted: list[Trial], seed: int) -> tuple[int, list[str]]:
    """How many were killed, and sentences on the tables that differ."""
    harness, rng = Harness(session, folder), random.Random(seed)
    kills, differences = 0, []
    for number, trial in enumerate(wanted):
        said, difference = harness.try_one(number, trial, rng)
        kills += said.startswith("killed")
        moment = "publishing" if trial.publishing else "running"
        line = f"{number + 1:3} {trial.job:8} {trial.target:9} {moment:11} {trial.moment:4.0%}  {said}"
        sys.stdout.write(f"{line}; {difference or 'tables equal'}\n")
        sys.stdout.flush()
        if difference:
            differences.append(f"{line}: {difference}")
        else:
            shutil.rmtree(folder / f"trial-{number}")
    return kills, differences


def main() -> int:
    """Prints a line a trial; 1 where tables differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    from ser_core.spark.session import start_session

    folder = Path(tempfile.mkdtemp(prefix="ser-kills-"))
    session = start_session("kills", job_settings(folder).spark)
    begin = time.monotonic()
    wanted = list(trials(arguments.trials, arguments.seed))
    kills, differences = run_trials(session, folder, wanted, arguments.seed)
    publishing = sum(trial.publishing for trial in wanted)
    record({"kills": kills, "kills_publishing": publishing, "kill_differences": len(differences)})
    sys.stdout.write(f"{kills} kills, {len(differences)} differences, {time.monotonic() - begin:.0f} s\n")
    if not differences:
        shutil.rmtree(folder)
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
