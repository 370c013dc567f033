"""Processes that load librosa at once on a new machine: one compiles, and the others wait for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = """
import os, time
from pathlib import Path
cache = Path(os.environ["NUMBA_CACHE_DIR"])
if not (cache / "done").exists():
    (cache / "compiling").touch(exist_ok=False)  # fails where two compile at once, as numba may
    time.sleep(0.5)
    (cache / "compiling").rename(cache / "done")
"""
CODE = """
from ser_core.sound.audio.librosa_loading import librosa
assert librosa() is librosa() and librosa().filters and librosa().feature
"""


@pytest.fixture
def environment(tmp_path):
    """A librosa whose loading is seen, and directories of its own."""
    for folder in ("tmp", "cache", "path/librosa"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "path" / "librosa" / "__init__.py").write_text(FAKE)
    for part in ("feature", "filters"):
        (tmp_path / "path" / "librosa" / f"{part}.py").touch()
    path = os.pathsep.join([str(tmp_path / "path"), *sys.path])
    kept = {"PYTHONPATH": path, "TMPDIR": str(tmp_path / "tmp"), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    return {**os.environ, **kept}


def start(environment):
    return subprocess.Popen([sys.executable, "-c", CODE], env=environment)


def lock_of(environment):
    return Path(environment["TMPDIR"]) / f"ser-librosa-{os.getuid()}.lock"


def test_processes_that_start_at_once_compile_once(environment):
    processes = [start(environment) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]
    written = lock_of(environment).read_text()
    assert start(environment).wait(timeout=60) == 0
    assert lock_of(environment).read_text() == written


def test_the_mark_of_another_version_is_replaced(environment):
    lock_of(environment).write_text("0.0.1 of long ago" * 100)
    assert start(environment).wait(timeout=60) == 0
    assert "long ago" not in lock_of(environment).read_text()


def test_without_a_lock_librosa_is_loaded_all_the_same(environment):
    lock_of(environment).mkdir()
    assert start(environment).wait(timeout=60) == 0
