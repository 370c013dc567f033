"""Kill -9 at seeded moments, then the job again: the tables are those of a run that nobody disturbed.

`python -m tests.faults.kills --trials 50 --seed 0`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.errors import LeaseHeldError
from tests.faults.night import JOBS, Night
from tests.faults.processes import kill
from tests.faults.readings import same_models, same_readings
from tests.faults.report import record
from tests.faults.running import LEASE_S, Running, pause, start, warm_session
from tests.faults.trials import DERIVED, RUNNING, Trial, deal
from tests.support.pipeline import file_marks, run, store_of

_LONGEST_S = 180.0
_TRIES = 4
_WELL = frozenset({"done", "exit 0"})


class Outcome(NamedTuple):
    """What came of a trial: when the kill fell after the start, how the job ended, and what differs after the next run
    (None: nothing)."""

    trial: Trial
    killed_s: float
    ended: str
    again_s: float
    difference: str | None


class Trials:
    """Kill trials over one night.

    Args:
        session: for the runs that follow a kill, and for those whose Python workers are killed.
        night: prepared.
    """

    def __init__(self, session: SparkSession, night: Night) -> None:
        self.session, self.night = session, night
        self._lengths: dict[tuple[str, str], float] = {}

    def run(self, trial: Trial) -> Outcome:
        """Kills, runs again, compares. A job that ended before its moment came is tried again, the moment earlier."""
        for attempt in range(_TRIES):
            name = f"trial-{trial.number}-{attempt}"
            self.night.fresh(trial.job, name)
            settings = self.night.settings(name, {"lease": {"expiry_s": LEASE_S}}, trial.job)
            killed_s, ended = self._killed(trial, settings)
            if killed_s is not None:
                began = time.monotonic()
                difference = self._again(trial, name)
                return Outcome(trial, killed_s, ended, time.monotonic() - began, difference)
            if ended not in _WELL:
                return Outcome(trial, 0.0, ended, 0.0, "the job failed by itself, before it was killed")
            trial = trial._replace(share=trial.share / 2)
        raise AssertionError(f"the job was done before it could be killed, {_TRIES} times: {trial}")

    def _killed(self, trial: Trial, settings: Settings) -> tuple[float | None, str]:
        """Seconds from the start to the kill, None where it came too late; and how the job ended."""
        length = self._length(trial) if trial.moment == RUNNING else 0.0
        before = file_marks(Path(settings.tables.uri))
        new = 1 + int(trial.share * (len(self._written(trial)) - 1))
        job, started, began = start(self.session, self.night, settings, trial), time.monotonic(), None
        while job.alive():
            now = time.monotonic()
            if trial.moment == RUNNING:
                began = now if began is None and job.begun() else began
                due = began is not None and now - began >= trial.share * length
            else:
                due = len(_changed(Path(settings.tables.uri), before, trial.moment)) >= new
            if due and _hit(job, trial):
                return time.monotonic() - started, job.wait(_LONGEST_S)
            pause()
        return None, job.wait(_LONGEST_S)

    def _again(self, trial: Trial, name: str) -> str | None:
        """Runs the job again as soon as the lease is free; what differs from an undisturbed run."""
        settings = self.night.settings(name, job=trial.job)
        deadline = time.monotonic() + _LONGEST_S
        while True:
            try:
                run(self.session, JOBS[trial.job], settings)
                break
            except LeaseHeldError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            except Exception as error:
                return f"the run after the kill failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        try:
            after = self.night.after(trial.job).name
            same_readings(store_of(settings), store_of(self.night.settings(after)))
            if trial.job == "train":
                same_models(*(FolderStorage(self.night.models(place)) for place in (name, after)))
        except AssertionError as error:
            return str(error)
        return None

    def _length(self, trial: Trial) -> float:
        """Seconds from the beginning of the work to the end of a run that nobody disturbs."""
        key = (trial.job, trial.target)
        if key not in self._lengths:
            name = f"undisturbed-{trial.job}-{trial.target}"
            self.night.fresh(trial.job, name)
            job = start(self.session, self.night, self.night.settings(name, job=trial.job), trial)
            began = _began(job)
            ended = job.wait(_LONGEST_S)
            assert ended in _WELL, f"{name}: {ended}"
            self._lengths[key] = time.monotonic() - began
        return self._lengths[key]

    def _written(self, trial: Trial) -> list[str]:
        """Files of the table that an undisturbed run writes."""
        return _changed(self.night.after(trial.job), file_marks(self.night.before(trial.job)), trial.moment)


def _began(job: Running) -> float:
    while job.alive() and not job.begun():
        pause()
    return time.monotonic()


def _changed(tables: Path, before: dict[str, int], table: str) -> list[str]:
    """Files of the table that were written since."""
    now = file_marks(tables / table) if (tables / table).exists() else {}
    names = {f"{table}/{name}": at for name, at in now.items() if name.endswith(".parquet") and "/_" not in f"/{name}"}
    return [name for name, at in names.items() if before.get(name) != at]


def _hit(job: Running, trial: Trial) -> bool:
    """Kills whom the trial is about; whether somebody was there."""
    killed = [victim for victim in job.victims(trial) if kill(victim)]  # all of them, not the first alone
    return bool(killed)


def table_of(outcomes: list[Outcome]) -> str:
    """One line a trial."""
    lines = [f"{'':>3} {'job':8} {'killed':15} {'while':17} {'at s':>6} {'ended':>22} {'again s':>8}  tables"]
    for one in outcomes:
        trial = one.trial
        who = f"{trial.target} {trial.part}" if trial.target == "driver" else trial.target
        lines.append(
            f"{trial.number:>3} {trial.job:8} {who:15} {trial.moment:17} {one.killed_s:6.2f} {one.ended:>22} "
            f"{one.again_s:8.1f}  {one.difference or 'same'}"
        )
    return "\n".join(lines)


def main() -> int:
    """Runs the trials, prints them, and records how many there were and how many left other tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=56)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="kills-") as root, warm_session() as session:
        trials = Trials(session, Night.prepare(session, Path(root)))
        for trial in deal(given.trials, given.seed):
            outcomes.append(trials.run(trial))
            print(table_of(outcomes[-1:]).splitlines()[1], flush=True)
            record(_found(outcomes, time.monotonic() - began))
    differ = [one for one in outcomes if one.difference]
    print(f"\n{table_of(outcomes)}\n\n{len(outcomes)} kills, {len(differ)} left other tables")
    return 1 if differ else 0


def _found(outcomes: list[Outcome], seconds: float) -> dict[str, object]:
    return {
        "kills": len(outcomes),
        "kill_differences": sum(one.difference is not None for one in outcomes),
        "kills_by_job": Counter(one.trial.job for one in outcomes),
        "kills_by_target": Counter(one.trial.target for one in outcomes),
        "kills_publishing": sum(one.trial.moment in DERIVED for one in outcomes),
        "kills_that_ended_the_job": sum(one.ended not in _WELL for one in outcomes),
        "kill_minutes": round(seconds / 60, 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
