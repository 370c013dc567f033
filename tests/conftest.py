"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3.session
import pytest

from tests.support.s3 import DUMMY_ENVIRONMENT, running_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WITH_JVM = ("spark", "jobs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests below tests/spark and tests/jobs need a JVM, and run last: with the fast ones failing, none is started."""
    root = Path(__file__).parent
    slow = [item for item in items if item.path.relative_to(root).parts[0] in _WITH_JVM]
    for item in slow:
        item.add_marker(pytest.mark.spark)
    items[:] = [*(item for item in items if item not in slow), *slow]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """URL of an S3 endpoint on this machine; the environment holds dummy credentials for it."""
    with pytest.MonkeyPatch.context() as patch, running_server() as endpoint_url:
        for name, value in DUMMY_ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield endpoint_url


@pytest.fixture(scope="session")
def s3_client(s3_server: str) -> Any:
    """A plain boto3 client of the server; making one takes as long as a hundred requests."""
    return boto3.session.Session().client("s3", endpoint_url=s3_server)


@pytest.fixture
def s3_bucket(s3_client: Any) -> str:
    """The name of a new, empty bucket."""
    name = f"bucket-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def spark(s3_server: str) -> Iterator[SparkSession]:
    """The one Spark session of all tests. It comes after the server, so that workers have the dummy credentials."""
    from ser_core.config import load_settings  # noqa: PLC0415 - tests without a JVM load no pyspark
    from ser_core.spark.session import start_session  # noqa: PLC0415

    settings = load_settings(["--spark.master", "local[2]", "--spark.driver-memory", "1g"], environ={}).spark
    before = dict(os.environ)
    session = start_session("tests", settings)
    yield session
    session.stop()
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
