"""Errors of Spark, as errors on the driver: the original class where it is ours, and never Spark's traces."""

from __future__ import annotations

import re

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from ser_core import errors
from ser_core.errors import SerError, TaskError

_RAISED = re.compile(r"^ser_core\.errors\.(\w+): (.*(?:\n(?!\s*(?:at |\n|\Z)).*)*)", re.MULTILINE)
_PYTHON = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit)\b.*$", re.MULTILINE)
_MOST_TEXT = 500


def driver_error(error: BaseException) -> SerError | None:
    """The `SerError` that made a Spark job fail, or a TaskError of one line; None where the error is not of Spark."""
    if isinstance(error, Py4JNetworkError | ConnectionError):
        return TaskError(
            f"Spark's JVM has ended ({_line(str(error))}): it was killed, or had too little memory "
            "(spark.driver_memory). Its last lines on stderr say more. Run the job again: nothing is done twice"
        )
    if not isinstance(error, PySparkException | Py4JError):
        return None
    text = str(error)
    for name, message in reversed(_RAISED.findall(text)):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, SerError):
            original = kind.__new__(kind)  # not __init__: only the message has come here, not its arguments
            original.args = (message.strip(),)
            return original
    raised = _PYTHON.findall(text.partition("Traceback (most recent call last)")[2])
    if raised:
        return TaskError(f"A task failed: {_line(raised[-1])}")
    return TaskError(f"Spark failed: {_line(text)}")


def _line(text: str) -> str:
    return " ".join(text.strip().partition("\n")[0].split())[:_MOST_TEXT]
