"""Benchmarks and their list. A topic is a module in this folder whose functions carry `@benchmark`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

REPEATS = 7


_quick = False


def be_quick() -> None:
    """Makes `size` return the small sizes from now on."""
    global _quick
    _quick = True


def size(full: int, quick: int) -> int:
    """The size of a benchmark's input: `full`, or `quick` with `--quick`, which only shows that it runs."""
    return quick if _quick else full


class NotMeasuredError(Exception):
    """The reason why a benchmark cannot run here, to complete "not measured: …"."""


@dataclass(frozen=True)
class Measured:
    """The value of each run; `absolute` are further values by description."""

    runs: Sequence[float]
    absolute: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark; `target` is a lower bound, or an upper bound with `at_most`."""

    name: str
    what: str
    target: float
    at_most: bool
    measure: Callable[[], Measured]

    def reached(self, value: float) -> bool:
        """Whether a value is as good as the target."""
        return value <= self.target if self.at_most else value >= self.target


BENCHMARKS: dict[str, Benchmark] = {}
"""By name, in the order of the report."""


def benchmark(
    name: str, what: str, *, at_least: float | None = None, at_most: float | None = None
) -> Callable[[Callable[[], Measured]], Callable[[], Measured]]:
    """Registers a function as a benchmark; `what` describes the comparison, and whether it includes decoding."""
    target = at_least if at_least is not None else at_most
    if target is None or name in BENCHMARKS:
        raise ValueError(f"{name}: expected one target and a name of its own")

    def register(measure: Callable[[], Measured]) -> Callable[[], Measured]:
        BENCHMARKS[name] = Benchmark(name, what, target, at_most is not None, measure)
        return measure

    return register


def in_turn(sides: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> list[dict[str, float]]:
    """Seconds of processor time of each side, run by run: warmed once, then in turn, so that a slow spell of the
    machine hits all of them. Single-threaded work takes about as long on a core of its own."""
    for work in sides.values():
        work()
    return [{side: _seconds(work) for side, work in sides.items()} for _ in range(repeats)]


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def versus(
    ours: Callable[[], object], theirs: Callable[[], object], audio_s: float, repeats: int = REPEATS
) -> Measured:
    """How many times faster `ours` is than `theirs`, both over `audio_s` seconds of audio."""
    runs = in_turn({"ser": ours, "peer": theirs}, repeats)
    rates = {f"{side} x real time": audio_s / statistics.median(run[side] for run in runs) for side in ("ser", "peer")}
    return Measured([run["peer"] / run["ser"] for run in runs], rates)
