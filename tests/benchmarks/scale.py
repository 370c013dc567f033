"""Time and memory as an archive grows, and with calls of very different lengths."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Sequence

from tests.benchmarks.jobs import alternately, extract, ingested, scratch, session
from tests.benchmarks.processes import peak_mb
from tests.benchmarks.registry import Measured, benchmark, size


@benchmark(
    "growth_4x",
    "the extract job of four times the archive / of the archive; both decode, two cores, warm session, seconds on the "
    "clock",
    at_most=4.2,
)
def growth_4x() -> Measured:
    calls = size(800, 24)
    return _ratio("four", [120.0] * (4 * calls), "one", [120.0] * calls, 1)


@benchmark(
    "skew",
    "the extract job of one call of 4 hours among 500 short ones / of 501 equal calls of the same hours; both decode, "
    "two cores, warm session, seconds on the clock",
    at_most=1.25,
)
def skew() -> Measured:
    long_s, short_s, count = 14400.0 / size(1, 10), 45.0, size(500, 50)
    even_s = round((long_s + count * short_s) / (count + 1), 1)
    return _ratio("skewed", [short_s] * count + [long_s], "even", [even_s] * (count + 1), size(2, 1))


@benchmark(
    "memory_1000_vs_100",
    "peak memory of a Python worker that extracts, 1,000 calls / 100; a new session each",
    at_most=1.10,
)
def memory_1000_vs_100() -> Measured:
    peaks = {}
    for count in (100, 1000):
        settings, _ = ingested(f"memory-{count}", [30.0] * (count // size(1, 5)))
        session().stop()  # its workers, and their peaks, are gone with it
        peaks[count] = peak_mb(lambda: extract(settings))  # noqa: B023 - called at once
        session().stop()
    return Measured([peaks[1000] / peaks[100]], {f"MB, {count} calls": peak for count, peak in peaks.items()})


def _ratio(above: str, lengths_above: Sequence[float], below: str, lengths_below: Sequence[float], repeats: int):
    try:
        sides: dict[str, Callable[[], float]] = {}
        for name, lengths_s in ((below, lengths_below), (above, lengths_above)):
            settings, _ = ingested(name, lengths_s)
            sides[name] = lambda settings=settings: extract(settings)
        sides[below]()  # warm
        runs = alternately(sides, repeats)
        seconds = {f"seconds, {name}": statistics.median(run[name] for run in runs) for name in sides}
        return Measured([run[above] / run[below] for run in runs], seconds)
    finally:
        for name in (above, below):
            shutil.rmtree(scratch() / name, ignore_errors=True)
