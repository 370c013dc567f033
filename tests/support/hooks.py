"""What a recording does to the process that hears it: `ISOLATION_TEST_HOOK=tests.support.hooks:misbehave`."""

import ctypes
import json
import os
import signal
import time
from pathlib import Path

import numpy as np


def as_told(name: str) -> None:
    """As `misbehave`, for the recordings that the file `ISOLATION_TEST_TOLD` names."""
    path = Path(os.environ["ISOLATION_TEST_TOLD"])
    if path.exists():
        misbehave(json.loads(path.read_text(encoding="utf-8")).get(name, "good"))


def misbehave(name: str) -> None:
    """A name that ends in one of the words below does what it says."""
    kind = name.rsplit("-", 1)[-1]
    if kind == "segfaults":
        ctypes.string_at(0)
    elif kind == "loops":
        while True:
            pass
    elif kind == "sleeps":  # in native code, where Python handles no signal
        ctypes.CDLL(None).sleep(600)
    elif kind == "eats":
        np.ones(2**32)
    elif kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "exits":
        os._exit(3)
    elif kind == "lacks":
        raise ModuleNotFoundError("No module named 'soundfile'")
    elif kind == "raises":
        raise RuntimeError("an unforeseen state")
    elif kind == "once":  # dies the first time only
        mark = Path(os.environ["ISOLATION_TEST_MARK"])
        if not mark.exists():
            mark.touch()
            os.abort()


def wait(name: str) -> None:
    """Says in the file `ISOLATION_TEST_MARK` that a recording has come, and keeps it for ten minutes."""
    Path(os.environ["ISOLATION_TEST_MARK"]).write_text(f"{os.getpid()}", encoding="ascii")
    time.sleep(600)
