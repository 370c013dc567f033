"""Where a run is from: its machine, its code and its settings."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import ser_core
from ser_core.config import Settings

_DIGITS = 16
_SHORT = 12
_OF_A_NIGHT = {"call_date", "call_dates"}


def run_origin(settings: Settings) -> Mapping[str, str]:
    """The columns `host`, `settings_hash` and `code_version` of `runs`.

    The hash is of every setting but the dates: runs of one hash differ in their dates only.
    """
    values = settings.model_dump(mode="json", by_alias=True, exclude=_OF_A_NIGHT)
    text = json.dumps(values, sort_keys=True)
    return {
        "host": socket.gethostname(),
        "settings_hash": hashlib.sha256(text.encode()).hexdigest()[:_DIGITS],
        "code_version": code_version(),
    }


@cache
def code_version() -> str:
    """The version of the package; in a checkout, with the revision: `0.1.0+706221e4ab12`."""
    revision = git_revision(Path(__file__).resolve().parents[3])
    return f"{ser_core.__version__}+{revision[:_SHORT]}" if revision else ser_core.__version__


def git_revision(checkout: Path) -> str | None:
    """The revision that is checked out in a folder, read from Git's files; None where it is no checkout."""
    try:
        git = checkout / ".git"
        if git.is_file():  # of a worktree: `gitdir: <folder>`
            git = checkout / git.read_text(encoding="utf-8").partition(":")[2].strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = git / "commondir"
        shared = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
        for folder in (git, shared):
            if (folder / name).exists():
                return (folder / name).read_text(encoding="utf-8").strip()
        for line in (shared / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {name}"):
                return line.partition(" ")[0]
    except OSError:
        pass
    return None
