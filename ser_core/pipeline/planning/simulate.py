"""Stragglers and retries: how long many executors take for tasks of uneven length, some of which are lost.

List scheduling (Graham 1969, SIAM J. Appl. Math. 17, 416-429): a core that is free takes the next task. An attempt
fails with a fixed chance, after a share of its time drawn evenly, and stands at the end of the queue again.
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
    """Of `seeds` runs. `slowdown` is the median of wall time over the ideal (all work, evenly over all cores), and
    `slowdown_worst` its maximum; `idle` the median share of core time without work; `retries` the median count."""

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
    """Runs `tasks` tasks of `mean_task_s` times a draw of `spread` on `cores` cores, the largest first.

    `spread` are task times over their mean, as measured; `failure` is the chance that an attempt is lost.

    Raises:
        ValueError: no task, no core, or a chance that is none.
    """
    if tasks < 1 or cores < 1 or not 0 <= failure < 1 or not len(spread):
        raise ValueError(f"{tasks} tasks, {cores} cores, a failure chance of {failure}: expected 1, 1, 0 to below 1")
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        times = np.sort(mean_task_s * rng.choice(np.asarray(spread, dtype=np.float64), tasks))[::-1]
        wall, retries, busy = _run(times, cores, failure, rng)
        ideal = float(times.sum()) / cores
        found.append((wall / ideal, 1 - busy / (wall * cores), retries, ideal))
    slowdown, idle, retries_, ideals = (np.array(column) for column in zip(*found, strict=True))
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
    queue = deque((time, 0.0) for time in times.tolist())  # (length, not before: when its last attempt was lost)
    wall = busy = 0.0
    retries = 0
    while queue:
        length, not_before = queue.popleft()
        start = max(heapq.heappop(free), not_before)
        lost = failure > 0 and rng.random() < failure
        spent = length * rng.random() if lost else length
        if lost:
            retries += 1
            queue.append((length, start + spent))
        busy += spent
        wall = max(wall, start + spent)
        heapq.heappush(free, start + spent)
    return wall, retries, busy
