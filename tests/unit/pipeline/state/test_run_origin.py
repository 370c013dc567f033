"""Host, settings and code of a run."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

import ser_core
from ser_core.config import load_settings
from ser_core.pipeline.state.run_origin import git_revision, run_origin

GIT = shutil.which("git")


def test_the_hash_is_of_the_settings_but_for_the_dates() -> None:
    night = run_origin(load_settings(["--call-date", "2026-03-02"], environ={}))
    other = run_origin(load_settings(["--call-dates.from", "2026-03-02", "--call-dates.to", "2026-03-03"], environ={}))
    changed = run_origin(load_settings(["--limits.max-duration-s", "5"], environ={}))
    assert night == other
    assert night["settings_hash"] != changed["settings_hash"]
    assert len(night["settings_hash"]) == 16
    assert night["host"] == socket.gethostname()
    assert night["code_version"].partition("+")[0] == ser_core.__version__


@pytest.mark.skipif(GIT is None, reason="Git is not installed")
def test_the_revision_of_a_checkout_a_worktree_and_a_packed_one(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        own = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(tmp_path / "one"))
        return subprocess.run([str(GIT), *own, *words], capture_output=True, text=True, check=True).stdout.strip()

    (tmp_path / "one").mkdir()
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    git("worktree", "add", "--quiet", str(tmp_path / "two"))
    revision = git("rev-parse", "HEAD")
    assert [git_revision(tmp_path / name) for name in ("one", "two")] == [revision, revision]
    git("pack-refs", "--all")
    assert git_revision(tmp_path / "one") == revision
    git("checkout", "--quiet", "--detach")
    assert git_revision(tmp_path / "one") == revision
    assert git_revision(tmp_path) is None
