"""Lines for a person, and JSON lines; a fault is one message."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ser_core.log import LogForm, configure_logging, log_as, log_fault, log_form

LOGGER = logging.getLogger("ser_core.some.module")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    ours = logging.getLogger("ser_core")
    before = ours.handlers[:], ours.level, ours.propagate
    ours.handlers[:] = []
    yield
    ours.handlers[:], ours.level, ours.propagate = before


def test_times_have_a_date_and_a_zone(capsys: Capture) -> None:
    configure_logging("info", as_json=False)
    LOGGER.warning("plain")
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d WARNING plain\n", line)
    configure_logging("info", as_json=True)
    LOGGER.warning("in JSON", extra={"facts": {"run_id": "r"}})
    for text in (line.split()[0], json.loads(capsys.readouterr().err)["time"]):
        at = dt.datetime.fromisoformat(text)
        assert at.utcoffset() is not None
        assert abs(dt.datetime.now(dt.UTC) - at) < dt.timedelta(minutes=1)


def test_json_lines_have_the_same_keys(capsys: Capture) -> None:
    configure_logging("info", as_json=True)
    LOGGER.info("two\nlines", extra={"facts": {"run_id": "r"}})
    entry = json.loads(capsys.readouterr().err)
    assert {key: value for key, value in entry.items() if key != "time"} == {
        "level": "info",
        "logger": "ser_core.some.module",
        "message": "two\nlines",
        "run_id": "r",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_is_one_message_and_its_trace_is_for_debugging(capsys: Capture, as_json: bool) -> None:
    def fail(level: str) -> str:
        configure_logging(level, as_json=as_json)
        try:
            raise ValueError("planted")
        except ValueError as error:
            log_fault("it failed", error)
        return capsys.readouterr().err

    assert len(fail("info").splitlines()) == 1
    assert "Traceback" not in fail("info")
    assert "it failed" in fail("info")
    assert "Traceback" in fail("debug")


def test_another_process_logs_the_same(capsys: Capture) -> None:
    assert log_form() is None
    log_as(None)
    assert log_form() is None
    log_as(LogForm("debug", True))
    assert log_form() == LogForm("debug", True)
    LOGGER.debug("in a task")
    assert json.loads(capsys.readouterr().err)["message"] == "in a task"


def process(body: str) -> list[str]:
    """What a process writes to stderr within `json_stderr`."""
    code = f"""
import os, subprocess, sys, warnings
from ser_core.log import configure_logging, json_stderr, log_fault
configure_logging("info", as_json=True)
with json_stderr(True):
    {body}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr.splitlines()


def test_every_line_of_a_process_and_its_children_is_json() -> None:
    lines = process(
        "warnings.warn('of Python'); log_fault('ours'); os.write(2, b'of a library\\n\\nand more'); "
        "subprocess.run(['sh', '-c', 'echo of a child >&2; echo {not json >&2'])"
    )
    entries = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "message"} == entry.keys() for entry in entries)
    said = [(entry["logger"], entry["message"]) for entry in entries]
    assert ("ser_core", "ours") in said
    for text in ("of a library", "{not json"):
        assert ("stderr", text) in said
    assert any("of Python" in text for _, text in said)
    assert any(text.endswith("of a child") for _, text in said)


def test_after_the_block_stderr_is_as_it_was_even_where_a_child_lives_on() -> None:
    lines = process("subprocess.Popen(['sleep', '5'], stdout=subprocess.DEVNULL)\nprint('plain', file=sys.stderr)")
    assert lines == ["plain"]
