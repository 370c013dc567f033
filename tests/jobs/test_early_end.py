"""A run that a signal ends, or that stands still: its row, its lease, its exit code and its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import holders
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.state.killed_runs import MET_AGAIN
from tests.support.pipeline import file_marks, layout, merged, read_rows
from tests.support.synth import wav, write_files

ROOT = Path(__file__).parents[2]
LONGEST_S = 240.0


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SER_", "PYSPARK_", "SPARK_"))}
    return {**own, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, **more}


def until(true: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Waits until something is true, while a process runs."""
    for _ in range(int(LONGEST_S * 10)):
        if true():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("it did not come")


class Standing:
    """An extraction that waits for the first recording for ten minutes."""

    def __init__(self, root: Path, **changes: Any) -> None:
        write_files(root / "archive", {f"{name}.wav": wav("sad") for name in "abc"})
        settings = merged(layout(root), {"isolation": {"enabled": True}, "roles": {"mono": "customer"}})
        (root / "settings.yaml").write_text(yaml.safe_dump(merged(settings, changes)), encoding="utf-8")
        self.store = TableStore(FolderStorage(root / "tables"))
        self.mark = root / "mark"
        self.words = ["--config", str(root / "settings.yaml")]
        assert self.beside()[0] == 0  # nobody else is there yet
        hook = {"ISOLATION_TEST_HOOK": "tests.support.hooks:wait", "ISOLATION_TEST_MARK": str(self.mark)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ser_core.cli.main", "extract", *self.words],
            cwd=ROOT, env=environment(**hook), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_for_recording(self) -> int:
        """The process that has got the recording."""
        until(lambda: self.mark.exists() and self.mark.read_text(), self.process)
        return int(self.mark.read_text())

    def beside(self) -> tuple[int, str]:
        """Exit code and message of an ingest that is started beside it."""
        command = [sys.executable, "jobs/ingest_archive.py", *self.words]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LONGEST_S)
        return done.returncode, done.stderr

    def ended(self) -> tuple[int, str]:
        """Exit code, and what it wrote to stderr."""
        _, err = self.process.communicate(timeout=LONGEST_S)
        return self.process.returncode, err

    def row(self) -> dict[str, Any]:
        (row,) = [row for row in read_rows(self.store, RUNS) if row["job"] == "extract"]
        return row


def is_alive(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_with_its_row_and_frees_its_lease(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    standing = Standing(tmp_path)
    child = standing.wait_for_recording()
    assert standing.row()["status"] == "running"
    assert list(holders(standing.store.storage)) == ["tables"]
    before = file_marks(tmp_path / "tables" / "recordings")
    for again in (False, True):
        met_code, met = standing.beside()
        assert met_code == 3
        assert standing.row()["run_id"] in met
        assert (MET_AGAIN in met) is again
        assert "Traceback" not in met
    assert file_marks(tmp_path / "tables" / "recordings") == before
    standing.process.send_signal(number)
    exit_code, err = standing.ended()
    assert exit_code == code, err
    row = standing.row()
    assert (row["status"], row["detail"]) == ("failed", f"ended by {number.name}")
    assert row["finished_at"] is not None
    assert holders(standing.store.storage) == {}
    assert list(standing.store.storage.list("_state/running/")) == []
    assert "Traceback" not in err
    faults = [line for line in err.splitlines() if " ERROR " in line]
    assert len(faults) == 1
    assert faults[0].endswith(f"extract {row['run_id']} failed: ended by {number.name}")
    for _ in range(100):
        if not is_alive(child):
            break
        time.sleep(0.1)
    assert not is_alive(child)


def test_a_run_that_stands_still_loses_its_lease_and_says_so_in_json(tmp_path: Path) -> None:
    standing = Standing(tmp_path, lease={"stall_s": 45.0}, log={"json": True})
    exit_code, err = standing.ended()
    assert exit_code == 3, err
    row = standing.row()
    assert row["status"] == "failed"
    assert row["detail"].startswith("LeaseLostError: ")
    assert "no progress for 45 s (lease.stall_s), at extract" in row["detail"]
    assert holders(standing.store.storage) == {}
    lines = [json.loads(line) for line in err.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert "lease.stall_s" in lines[-1]["message"]
    assert not any("exception" in line for line in lines)
