"""Stragglers and retries: the time that many cores take for tasks of uneven length, some of which fail.

List scheduling (Graham 1969, SIAM J. Appl. Math. 17, 416-429): a free core takes the next task. An attempt fails with a
fixed probability, after a uniformly drawn share of its time, and returns to the end of the queue.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """Statistics over the seeds.

    Attributes:
        cores: number of cores.
        tasks: number of tasks.
        ideal_hours: median time of all work, spread evenly over all cores.
        slowdown: median of wall time over the ideal time.
        slowdown_worst: its maximum.
        idle: median share of core time without work.
        retries: median count.
    """

    cores: int
    tasks: int
    ideal_hours: float
    slowdown: float
    slowdown_worst: float
    idle: float
    retries: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def simulate(
    mean_task_s: float, tasks: int, spread: Sequence[float], cores: int, failure: float, seeds: int
) -> Simulation:
    """Runs `tasks` tasks of `mean_task_s` times a draw from `spread` on `cores` cores, the longest first.

    `spread` are measured task times over their mean; `failure` is the probability that an attempt fails.

    Raises:
        ValueError: no tasks, no cores, no spread, or `failure` is not in [0, 1).
    """
    if tasks < 1 or cores < 1 or not 0 <= failure < 1 or not len(spread):
        raise ValueError(
            f"{tasks} tasks, {cores} cores, a failure probability of {failure}: expected >= 1, >= 1, 0 <= p < 1"
        )
    runs = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        times = np.sort(mean_task_s * rng.choice(np.asarray(spread, dtype=np.float64), tasks))[::-1]
        wall, retries, busy = _run(times, cores, failure, rng)
        ideal = float(times.sum()) / cores
        runs.append((wall / ideal, 1 - busy / (wall * cores), retries, ideal))
    slowdown, idle, retries_, ideals = (np.array(column) for column in zip(*runs, strict=True))
    return Simulation(
        cores=cores,
        tasks=tasks,
        ideal_hours=float(np.median(ideals)) / 3600,
        slowdown=float(np.median(slowdown)),
        slowdown_worst=float(slowdown.max()),
        idle=float(np.median(idle)),
        retries=int(np.median(retries_)),
    )


def _run(times: Floats, cores: int, failure: float, rng: np.random.Generator) -> tuple[float, int, float]:
    """(wall time, retries, core time spent), in seconds."""
    free = [0.0] * min(cores, len(times))
    queue = deque((time, 0.0) for time in times.tolist())  # (length, earliest start: when its last attempt failed)
    wall = busy = 0.0
    retries = 0
    while queue:
        length, earliest = queue.popleft()
        start = max(heapq.heappop(free), earliest)
        failed = failure > 0 and rng.random() < failure
        spent = length * rng.random() if failed else length
        if failed:
            retries += 1
            queue.append((length, start + spent))
        busy += spent
        wall = max(wall, start + spent)
        heapq.heappush(free, start + spent)
    return wall, retries, busy
