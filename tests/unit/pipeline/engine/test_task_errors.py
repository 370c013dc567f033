"""An error of a task is raised on the driver as the same error."""

from __future__ import annotations

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.errors import PySparkException, PythonException

from ser_core.errors import BundleError, LeaseLostError, StorageError, TaskError
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


def test_what_is_not_of_spark_is_left_as_it_is() -> None:
    assert driver_error(StorageError("here")) is None
    assert driver_error(ValueError("here")) is None


CANCELLED = "Job 3 cancelled as part of cancellation of all jobs"
OTHER = TRACE.replace("ser_core.errors.{kind}: {text}", "ZeroDivisionError: by zero")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PythonException(OTHER), "A task failed: ZeroDivisionError: by zero"),
        (PythonException(TRACE.format(kind="NoSuchError", text="x")), "A task failed: ser_core.errors.NoSuchError: x"),
        (PySparkException(f"{CANCELLED}\n\nJVM stacktrace:\n\tat org.x(y:1)"), f"Spark failed: {CANCELLED}"),
        (Py4JNetworkError("Answer from Java side is empty"), "Spark's JVM has ended (Answer from Java side is empty)"),
        (ConnectionRefusedError("refused"), "Spark's JVM has ended (refused)"),
    ],
)
def test_an_error_of_spark_becomes_one_line(error: Exception, text: str) -> None:
    made = driver_error(error)
    assert type(made) is TaskError
    assert str(made).startswith(text)
    assert "\n" not in str(made)
    assert made.exit_code == 1
