"""Peak memory of the Python processes below this one, as Linux counts it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.registry import NotMeasuredError

_PROC = Path("/proc")
_POLL_S = 0.25
_KB_A_MB = 1024


def peak_mb(work: Callable[[], object]) -> float:
    """The peak of the largest of them while `work` runs, in MB."""
    if not (_PROC / "self" / "status").exists():
        raise NotMeasuredError("needs /proc, which is Linux")
    peaks: dict[int, float] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            peaks.update(_peaks())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        work()
    finally:
        done.set()
        watching.join()
    return max(peaks.values())


def _peaks() -> Iterator[tuple[int, float]]:
    """Process id and peak in MB of every Python process below this one; the kernel keeps the peak."""
    status = {}
    for path in _PROC.glob("[0-9]*/status"):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, ProcessLookupError):  # ended since
            continue
        status[int(path.parent.name)] = dict(line.split(":", 1) for line in lines if ":" in line)
    ours = {os.getpid()}
    while more := {pid for pid, of in status.items() if int(of["PPid"]) in ours and pid not in ours}:
        ours |= more
    for pid in ours - {os.getpid()}:
        if "VmHWM" in status.get(pid, {}) and status[pid]["Name"].strip().startswith("python"):
            yield pid, int(status[pid]["VmHWM"].split()[0]) / _KB_A_MB
