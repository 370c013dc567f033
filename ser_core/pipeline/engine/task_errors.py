"""Errors of tasks, as errors on the driver: the original class, without Spark's traces."""

from __future__ import annotations

import re

from pyspark.errors import PySparkException

from ser_core import errors
from ser_core.errors import SerError

_RAISED = re.compile(r"^ser_core\.errors\.(\w+): (.*(?:\n(?!\s*(?:at |\n|\Z)).*)*)", re.MULTILINE)


def driver_error(error: BaseException) -> SerError | None:
    """The `SerError` that made a Spark job fail; None where another error did."""
    if not isinstance(error, PySparkException):
        return None
    for name, text in reversed(_RAISED.findall(str(error))):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, SerError):
            original = kind.__new__(kind)  # not __init__: only the message has come here, not its arguments
            original.args = (text.strip(),)
            return original
    return None
