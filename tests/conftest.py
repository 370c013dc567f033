"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.support.s3 import UNSET, environment, moto_server
from tests.support.s3_server import S3Server, client_of, real_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A run tries the same examples again, so that it fails for a change and not for the day; `explore` tries new ones.
# Neither has a time limit an example: a busy machine is no fault of the code.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", print_blob=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_WITH_JVM = ("spark", "jobs")
_PYSPARK_EMITS = (
    "ignore:unclosed <socket.socket:ResourceWarning",  # of every answer that Arrow brings from the JVM
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests below tests/spark and tests/jobs need a JVM, and run last: with the fast ones failing, none is started."""
    root = Path(__file__).parent
    slow = [item for item in items if item.path.relative_to(root).parts[0] in _WITH_JVM]
    for item in slow:
        item.add_marker(pytest.mark.spark)
        for text in _PYSPARK_EMITS:
            item.add_marker(pytest.mark.filterwarnings(text))
    items[:] = [*(item for item in items if item not in slow), *slow]


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3Server]:
    """A real S3 server on this machine; the environment holds its credentials."""
    with pytest.MonkeyPatch.context() as patch, real_server() as server:
        for name, value in environment(server.key, server.secret).items():
            patch.setenv(name, value)
        for name in UNSET:
            patch.delenv(name, raising=False)
        yield server


@pytest.fixture(scope="session")
def s3_server(s3_process: S3Server) -> str:
    """URL of the server."""
    return s3_process.url


@pytest.fixture(scope="session")
def s3_client(s3_process: S3Server) -> Any:
    """A plain boto3 client of the server; making one takes as long as a hundred requests."""
    return client_of(s3_process.url, s3_process.key, s3_process.secret)


@pytest.fixture(scope="session")
def moto_url(s3_server: str) -> Iterator[str]:
    """URL of a simulated S3 endpoint, for what the real server does not do wrong, and for S3's order of keys."""
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def moto_client(moto_url: str) -> Any:
    """A plain boto3 client of moto."""
    return client_of(moto_url, "any", "any")


@pytest.fixture
def moto_bucket(moto_client: Any) -> str:
    """The name of a new, empty bucket of moto."""
    name = f"bucket-{uuid.uuid4().hex}"
    moto_client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3_bucket(s3_client: Any) -> str:
    """The name of a new, empty bucket."""
    name = f"bucket-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in which a test tells what recordings shall do to the process that hears them: JSON, by recording_id."""
    return tmp_path_factory.mktemp("told") / "told.json"


@pytest.fixture(scope="session")
def spark(s3_server: str, told: Path) -> Iterator[SparkSession]:
    """The one Spark session of all tests. It comes after the server, so that workers have the dummy credentials."""
    from ser_core.config import load_settings  # here: tests without a JVM load no pyspark
    from ser_core.environment import COMPUTING
    from ser_core.pipeline.engine.session import start_session

    with pytest.MonkeyPatch.context() as patch:
        # Many small queries: compile fast, not well, and with room for it, since a full cache ends compilation.
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m")
        for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", *COMPUTING):
            patch.setenv(name, os.environ.get(name, ""))  # put back at the end
        for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
            patch.setenv(name, sys.executable)
        patch.setenv("ISOLATION_TEST_HOOK", "tests.support.hooks:as_told")
        patch.setenv("ISOLATION_TEST_TOLD", str(told))
        settings = load_settings(environ={}).spark
        few = {"spark.sql.shuffle.partitions": 2, "spark.sql.codegen.wholeStage": False}
        small = {"master": "local[2]", "driver_memory": "1g", "conf": few}
        session = start_session("tests", settings.model_copy(update=small))
        yield session
        session.stop()
