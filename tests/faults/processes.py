"""The processes of a job, found in /proc and killed by number."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A running process: number, parent's number, state letter, words of its command."""

    pid: int
    parent: int
    state: str
    command: str


def below(root: int) -> list[Process]:
    """The process `root` and all that it started, parents first; without those that are dead and not yet waited for."""
    children: dict[int, list[Process]] = {}
    first = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (found := _read(folder)) is not None:
            children.setdefault(found.parent, []).append(found)
            first += [found] if found.pid == root else []
    every = first
    for process in every:  # grows meanwhile
        every += children.get(process.pid, [])
    return [process for process in every if process.state != "Z"]


def workers(root: int) -> list[Process]:
    """Python workers of Spark below `root`: what the daemon forked, those at work first; not what they have started."""
    every = below(root)
    daemons = {process.pid for process in every if "pyspark.daemon" in process.command}
    found = [process for process in every if process.parent in daemons and process.pid in daemons]
    return sorted(found, key=lambda process: process.state != "R")


def jvms(root: int, main: str) -> list[Process]:
    """Java processes below `root` whose command names the class `main`."""
    return [one for one in below(root) if main in one.command and "java" in one.command.split()[0]]


def kill(process: Process) -> bool:
    """Kill -9; whether it was there to be killed."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
        return True
    return False


def _read(folder: Path) -> Process | None:
    try:
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        after_name = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended meanwhile
        return None
    return Process(int(folder.name), int(after_name[1]), after_name[0], command)
