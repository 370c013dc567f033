"""The child process of `isolation`: `python -m ser_core.sound.extraction.child SOCKET` extracts recordings for it.

It takes one recording at a time, as a file descriptor or as bytes, and answers with what was extracted or why it was
refused. It ends with its parent, also when the parent is killed.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import io
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import Any, BinaryIO

from threadpoolctl import threadpool_limits

from ser_core.errors import Refusal
from ser_core.sound.extraction.extract_recording import extract
from ser_core.sound.extraction.extraction_plan import ExtractionPlan

HOOK = "ISOLATION_TEST_HOOK"
"""Environment variable for tests: `module:function`, called with the name of each recording before it is extracted."""

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def main(socket: int) -> None:
    """Answers requests until the parent has closed the socket."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump is as large as the process
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    connection: Connection[Any, Any] = Connection(socket)
    try:
        plan, memory_bytes = connection.recv()
        hook = _hook()
        with threadpool_limits(1):
            plan.feature_set.extract([])  # loads what the first recording would wait for
            _limit_memory(memory_bytes)
            connection.send("ready")
            while os.getppid() == parent:
                connection.send_bytes(pickle.dumps(_answer(connection, plan, hook), protocol=5))
    except (EOFError, ConnectionError):
        return


def _answer(connection: Connection[Any, Any], plan: ExtractionPlan, hook: Callable[[str], object]) -> tuple[str, Any]:
    size_bytes, roles, conditions, name, by_descriptor = connection.recv()
    with _source(connection, by_descriptor) as source:
        try:
            hook(name)
            return "extracted", extract(source, size_bytes, plan, roles, conditions, name)
        except Refusal as refusal:
            return "refused", (refusal.reason, refusal.detail)
        except MemoryError as error:
            return "out of memory", str(error)
        except ImportError as error:
            return "broken", f"{type(error).__name__}: {error}"
        except Exception as error:  # an unforeseen error refuses this recording only
            return "failed", f"{type(error).__name__}: {error}"


def _source(connection: Connection[Any, Any], by_descriptor: bool) -> BinaryIO:
    if not by_descriptor:
        return io.BytesIO(connection.recv_bytes())
    source = os.fdopen(recv_handle(connection), "rb")
    source.seek(0)
    return source


def _limit_memory(more_bytes: int) -> None:
    """Lets the address space grow by at most `more_bytes`, where `/proc` gives its size."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        current = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = current + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _hook() -> Callable[[str], object]:
    module, _, function = os.environ.get(HOOK, "").partition(":")
    if not module:
        return lambda name: None
    hook: Callable[[str], object] = getattr(importlib.import_module(module), function)
    return hook


if __name__ == "__main__":
    main(int(sys.argv[1]))
