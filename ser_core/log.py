"""Logging to stderr: lines for a person, or one JSON object a line. Times are ISO 8601, with their offset to UTC."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

_OURS = logging.getLogger("ser_core")
_FLUSH_S = 2.0
_MARK = b"end of the captured stderr\n"


class LogForm(NamedTuple):
    """How a process logs: from which level on, and whether as JSON. Picklable: tasks log as their driver does."""

    level: str
    as_json: bool


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = dt.datetime.fromtimestamp(record.created, dt.UTC)
        entry = _entry(time, record.levelname, record.name, record.getMessage()) | getattr(record, "facts", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class _PlainFormatter(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return dt.datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")


def configure_logging(level: str, *, as_json: bool) -> None:
    """Sends the project's log to stderr at `level`: lines for a person, or one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if as_json else _PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
    _OURS.handlers[:] = [handler]
    _OURS.setLevel(level.upper())
    _OURS.propagate = False


def log_form() -> LogForm | None:
    """How this process logs; None where that is not configured."""
    formats = [handler.formatter for handler in _OURS.handlers]
    if not any(isinstance(each, _JsonFormatter | _PlainFormatter) for each in formats):
        return None
    return LogForm(logging.getLevelName(_OURS.level).lower(), any(isinstance(each, _JsonFormatter) for each in formats))


def log_as(form: LogForm | None) -> None:
    """Makes this process log as another does, unless it does already."""
    if form is not None and form != log_form():
        configure_logging(form.level, as_json=form.as_json)


def log_fault(text: str, error: BaseException | None = None) -> None:
    """Logs a fault as one message, at level `debug` with the stack trace of `error`."""
    _OURS.error(text, exc_info=error if _OURS.isEnabledFor(logging.DEBUG) else None)


@contextmanager
def json_stderr(wanted: bool) -> Iterator[None]:
    """Makes a JSON object of every other line that this process and its children write to stderr within the block.

    Such lines are warnings of libraries, of the JVM and of native code. Nothing is done where stderr is not the
    process's own.
    """
    stderr = sys.__stderr__
    if not wanted or stderr is None or sys.stderr is not stderr:
        yield
        return
    stderr.flush()
    before, (source, sink) = os.dup(2), os.pipe()
    seen = threading.Event()
    reader = threading.Thread(target=_forward, args=(os.fdopen(source, "rb"), os.dup(before), seen), daemon=True)
    os.dup2(sink, 2)
    os.close(sink)
    reader.start()
    try:
        yield
    finally:
        stderr.flush()
        os.write(2, b"\n" + _MARK)  # a child may hold the pipe open: its end cannot be waited for
        os.dup2(before, 2)
        os.close(before)
        seen.wait(_FLUSH_S)


def _forward(source: BinaryIO, target: int, seen: threading.Event) -> None:
    with source, os.fdopen(target, "wb") as out:
        for line in source:
            if line == _MARK:
                seen.set()
            elif line.strip():
                out.write(line if _is_object(line) else _wrapped(line))
                out.flush()


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _wrapped(line: bytes) -> bytes:
    text = line.decode(errors="replace").rstrip()
    return json.dumps(_entry(dt.datetime.now(dt.UTC), "WARNING", "stderr", text)).encode() + b"\n"


def _entry(time: dt.datetime, level: str, logger: str, message: str) -> dict[str, Any]:
    return {
        "time": time.isoformat(timespec="milliseconds"),
        "level": level.lower(),
        "logger": logger,
        "message": message,
    }
