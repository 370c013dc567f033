"""A process of its own with all that it starts: seconds from start to exit, and peaks of memory."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults.processes import below

_POLL_S = 0.1
_KB_A_MB = 1024


class Watched(NamedTuple):
    """What was seen of a command.

    Attributes:
        seconds: from its start to its exit.
        processor_s: of all its processes that have ended before it.
        memory_mb: the peak of what all its processes hold together.
        driver_mb: the peak of the first process.
        worker_mb: the peak of the largest other Python process; 0 where there is none.
        java_mb: the peak of the largest JVM; 0 where there is none.
        stdout: what it has printed.
    """

    seconds: float
    processor_s: float
    memory_mb: float
    driver_mb: float
    worker_mb: float
    java_mb: float
    stdout: str


class CommandFailedError(Exception):
    """A command ended with an exit code that was not expected."""


def watch(words: Sequence[str], environ: Mapping[str, str]) -> Watched:
    """Runs a command to its end.

    Raises:
        CommandFailedError: its exit code is not 0.
    """
    begin, before = time.perf_counter(), _processor_s()
    process = subprocess.Popen(words, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    together, peaks = 0.0, {"driver": 0.0, "worker": 0.0, "java": 0.0}
    seconds = 0.0
    while True:
        try:
            out, err = process.communicate(timeout=_POLL_S)
            seconds = time.perf_counter() - begin
            break
        except subprocess.TimeoutExpired:
            every = [(one, _memory_mb(one.pid)) for one in below(process.pid)]
            together = max(together, sum(now for _, (now, _) in every))
            for one, (_, peak) in every:
                kind = "driver" if one.pid == process.pid else "java" if _is_java(one.command) else "worker"
                peaks[kind] = max(peaks[kind], peak)
    if process.returncode:
        raise CommandFailedError(f"{' '.join(words)}: exit {process.returncode}\n{err[-4000:]}")
    return Watched(seconds, _processor_s() - before, together, peaks["driver"], peaks["worker"], peaks["java"], out)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _is_java(command: str) -> bool:
    return command.split(" ", maxsplit=1)[0].endswith("java")


def _memory_mb(pid: int) -> tuple[float, float]:
    """Memory of a process now and at its peak, 0 where it has ended."""
    try:
        lines = Path("/proc", str(pid), "status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    now, peak = (int(status.get(name, "0").split()[0]) / _KB_A_MB for name in ("VmRSS", "VmHWM"))
    return now, peak


def clean_environ() -> dict[str, str]:
    """This process's environment without settings of `ser` and of a running Spark."""
    unset = ("SER_", "PYSPARK_GATEWAY", "SPARK_HOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(unset)}
