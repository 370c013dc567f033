"""The processes of a job, read from /proc, and which of them to kill."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def below(pid: int) -> dict[int, str]:
    """Process ids and command lines of all processes that `pid` has started, they and theirs."""
    parents: dict[int, int] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found: set[int] = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child: _command(child) for child in found - {pid}}


def _command(pid: int) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def kill(target: str, driver: int, rng: random.Random) -> bool:
    """Kills with signal 9 a Python worker, an executor, or the driver with all that is in its group.

    Whether there was one to kill.
    """
    if target == "driver":
        with suppress(ProcessLookupError):
            os.killpg(driver, signal.SIGKILL)  # its JVM too: the machine is gone; workers of other groups are not
            return True
        return False
    if target == "executor":
        chosen = [pid for pid, command in below(driver).items() if "CoarseGrainedExecutorBackend" in command]
    else:
        chosen = list(_workers(driver))
    for pid in rng.sample(chosen, len(chosen)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _workers(driver: int) -> Iterator[int]:
    """Python workers that the daemon has forked; of the daemon itself there is nothing to lose."""
    commands = below(driver)
    daemons = {pid for pid, command in commands.items() if "pyspark.daemon" in command}
    for pid in daemons:
        with suppress(OSError):
            stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8")
            if int(stat.rpartition(")")[2].split()[1]) in daemons:
                yield pid


def end_group(driver: int) -> None:
    """Ends what may be left of a job."""
    for pid in below(driver):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(driver, signal.SIGKILL)
    time.sleep(0.05)
