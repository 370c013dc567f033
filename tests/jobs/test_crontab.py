"""The crontab line: cron's own syntax, the shell's, and when it mails."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ser_core.cli.main import COMMANDS
from ser_core.pipeline.state.killed_runs import MET_AGAIN

ROOT = Path(__file__).parents[2]
CRONTAB = (ROOT / "deploy/crontab").read_text(encoding="utf-8")
FIELDS = re.compile(r"(?P<times>(?:[\d*/,-]+ +){5})(?P<command>\S.*)")


def entry() -> re.Match[str]:
    """The only entry, beside comments and variables."""
    lines = [line for line in CRONTAB.splitlines() if line and not line.startswith("#")]
    entries = [line for line in lines if not re.match(r"[A-Z]+=", line)]
    (only,) = entries
    match = FIELDS.fullmatch(only)
    assert match
    return match


def command() -> str:
    """The command as cron gives it to the shell: a percent sign that is not escaped ends it."""
    text = entry()["command"]
    assert re.search(r"(?<!\\)%", text) is None
    return text.replace("\\%", "%")


def test_it_is_a_line_of_cron() -> None:
    minute, hour, *rest = entry()["times"].split()
    assert (0 <= int(minute) < 60, 0 <= int(hour) < 24, rest) == (True, True, ["*", "*", "*"])
    assert CRONTAB.endswith("\n")  # cron reads no line without its end


def test_the_shell_reads_it() -> None:
    done = subprocess.run(["/bin/bash", "-n", "-c", command()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_starts_a_night_without_a_date() -> None:
    assert "jobs/nightly.py" in command()
    assert (ROOT / "jobs/nightly.py").exists()
    assert "nightly" in COMMANDS
    assert "SER_CALL_DATE" not in CRONTAB
    assert "--call-date" not in CRONTAB


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 143])
def test_each_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^#   {code} ", CRONTAB, re.MULTILINE)


@pytest.mark.parametrize(
    ("code", "says", "mails"),
    [
        (0, "nightly done", False),
        (1, "failed", True),
        (2, "The settings have 1 fault", True),
        (3, "Another run holds the lease", False),
        (3, f"Another run holds the lease\n{MET_AGAIN} nightly 20260302T020000-abcdef", True),
        (4, "1 date is held back", True),
        (5, "5 of 9 calls have nothing to score", True),
        (143, "ended by SIGTERM", True),
    ],
)
def test_it_mails_when_somebody_has_to_look(code: int, says: str, mails: bool, tmp_path: Path) -> None:
    programs, logs = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    logs.mkdir()
    submit = programs / "spark-submit"
    submit.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{says}\nEND\necho \"$@\"\nexit {code}\n")
    submit.chmod(0o755)
    line = command().replace("/opt/ser", str(tmp_path)).replace("/var/log/ser", str(logs))
    path = {"PATH": f"{programs}:/usr/bin:/bin"}
    done = subprocess.run(["/bin/bash", "-c", line], env=path, capture_output=True, text=True, check=False)
    (log,) = logs.iterdir()
    assert re.fullmatch(r"nightly-\d{4}-\d\d-\d\d\.log", log.name)
    assert says in log.read_text()
    assert done.stdout == ""
    assert (f"exit code {code}: see {log}" in done.stderr) is mails
    assert bool(done.stderr) is mails
