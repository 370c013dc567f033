"""An error of a task is raised on the driver as the same error."""

from __future__ import annotations

import pytest
from pyspark.errors import PythonException

from ser_core.errors import BundleError, LeaseLostError, StorageError
from ser_core.pipeline.engine.task_errors import driver_error

TRACE = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "/x/ser_core/data/storage/s3_errors.py", line 40, in translated
    yield
botocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the GetObject operation

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/x/ser_core/pipeline/engine/scan.py", line 60, in read
    found = store.read(key)
ser_core.errors.{kind}: {text}

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:572)
"""


@pytest.mark.parametrize("kind", [StorageError, LeaseLostError, BundleError])
def test_an_error_of_ours_comes_back_with_its_exit_code(kind: type[Exception]) -> None:
    text = "s3://b/k: the credentials were refused (ExpiredToken); check: them"
    error = driver_error(PythonException(TRACE.format(kind=kind.__name__, text=text)))
    assert type(error) is kind
    assert str(error) == text


def test_a_message_of_several_lines_is_kept() -> None:
    error = driver_error(
        PythonException(TRACE.format(kind="SettingsError", text="The settings have 1 fault:\n  - this one"))
    )
    assert str(error) == "The settings have 1 fault:\n  - this one"
    assert error is not None
    assert error.exit_code == 2


def test_what_is_not_ours_is_left_as_it_is() -> None:
    assert driver_error(PythonException("Traceback\nZeroDivisionError: division by zero\n")) is None
    assert driver_error(StorageError("here")) is None
    assert driver_error(PythonException(TRACE.format(kind="NoSuchError", text="x"))) is None
