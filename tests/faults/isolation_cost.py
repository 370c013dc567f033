"""`python -m tests.faults.isolation_cost`: what share of throughput it costs to extract in a child process.

The same recordings, in memory as a worker has them, extracted in this process and in its child by turns, both warm, on
one core each, by the shipped settings. Of each recording and way the fastest of all rounds counts, which a busy machine
disturbs least.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Sequence

from ser_core.config import load_settings
from ser_core.environment import COMPUTING
from ser_core.sound.extraction import ExtractedRecording, ExtractionPlan, extract
from ser_core.sound.extraction.isolation import close_child, extract_isolated
from tests.faults.report import record
from tests.support.synth import stereo_wav

DURATIONS_S = (10.0, 30.0, 60.0, 120.0)
ROUNDS = 9


def isolation_cost(durations_s: Sequence[float] = DURATIONS_S, rounds: int = ROUNDS) -> tuple[float, list[float]]:
    """The share of throughput lost over stereo recordings of these lengths, and that of each."""
    settings = load_settings(environ={})
    settings = settings.model_copy(update={"segments": settings.segments.model_copy(update={"mode": "window"})})
    plan = ExtractionPlan.of(settings)

    def apart(source: io.BytesIO, size_bytes: int) -> ExtractedRecording:
        return extract_isolated(source, size_bytes, plan, settings.isolation)

    def here(source: io.BytesIO, size_bytes: int) -> ExtractedRecording:
        return extract(source, size_bytes, plan)

    fastest: list[tuple[float, float]] = []
    for number, duration_s in enumerate(durations_s):
        data = stereo_wav("happy", "angry", duration_s, number)
        for way in (here, apart):
            _seconds(way, data)  # warm
        pairs = [(_seconds(here, data), _seconds(apart, data)) for _ in range(rounds)]
        fastest.append((min(a for a, _ in pairs), min(b for _, b in pairs)))
    close_child()
    each = [1 - without / within for without, within in fastest]
    return 1 - sum(a for a, _ in fastest) / sum(b for _, b in fastest), each


def _seconds(way: Callable[[io.BytesIO, int], ExtractedRecording], data: bytes) -> float:
    began = time.perf_counter()
    found = way(io.BytesIO(data), len(data))
    took = time.perf_counter() - began
    if not any(len(channel.vectors) for channel in found.channels):
        raise AssertionError("no vectors: nothing was measured")
    return took


def main() -> int:
    """Measures and records."""
    cost, each = isolation_cost()
    record({"isolation_cost": round(cost, 4)})
    said = ", ".join(f"{duration_s:g} s {share:+.1%}" for duration_s, share in zip(DURATIONS_S, each, strict=True))
    print(f"isolation costs {cost:.1%} of throughput ({said})")
    return 0


if __name__ == "__main__":
    if not COMPUTING.items() <= os.environ.items():  # as a worker is started
        os.execve(sys.executable, [sys.executable, "-m", "tests.faults.isolation_cost"], os.environ | COMPUTING)
    sys.exit(main())
