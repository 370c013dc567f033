"""A task's error, told by the driver as what it was: without the traces of Spark, and with its exit code."""

from __future__ import annotations

import re

from pyspark.errors import PySparkException

from ser_core import errors
from ser_core.errors import SerError

_RAISED = re.compile(r"^ser_core\.errors\.(\w+): (.*(?:\n(?!\s*(?:at |\n|\Z)).*)*)", re.MULTILINE)


def as_told(error: BaseException) -> SerError | None:
    """The error of ours that made a Spark job fail; None where it was none of ours."""
    if not isinstance(error, PySparkException):
        return None
    for name, text in reversed(_RAISED.findall(str(error))):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, SerError):
            told = kind.__new__(kind)  # whatever its own arguments were: its words are all that came here
            told.args = (text.strip(),)
            return told
    return None
