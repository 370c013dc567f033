"""The Spark session, and the environment that its Python workers start in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from ser_core.config import conf_folder
from ser_core.config.settings import SparkSettings
from ser_core.environment import COMPUTING
from ser_core.errors import SerError

MINIMUM_JAVA = 17

_FIXED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
}


class JavaNotFoundError(SerError):
    """There is no Java that Spark can run on."""


def find_java() -> Path:
    """The `java` to run Spark on: JAVA_HOME's, else the one on PATH.

    Raises:
        JavaNotFoundError: there is none, or it is older than Java 17; the message says how to get one.
    """
    home = os.environ.get("JAVA_HOME")
    candidate = Path(home, "bin", "java") if home else shutil.which("java")
    where = f"JAVA_HOME={home}" if home else "PATH"
    if candidate is None or not Path(candidate).is_file():
        raise JavaNotFoundError(f"There is no Java in {where}. {_how_to_get_java()}")
    answer = subprocess.run([str(candidate), "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if not version or int(version.group(1)) < MINIMUM_JAVA:
        line = "".join((answer.stderr or answer.stdout).splitlines()[:1])
        raise JavaNotFoundError(f"{candidate} is {line!r}; Spark needs Java {MINIMUM_JAVA}. {_how_to_get_java()}")
    return Path(candidate)


def _how_to_get_java() -> str:
    return (
        f"Install Java {MINIMUM_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless), or run `make java`, "
        "which fetches one with the package install-jdk and prints the JAVA_HOME to set."
    )


def start_session(name: str, settings: SparkSettings) -> SparkSession:
    """The running session, or a new one.

    `spark-submit` has started the JVM with its master already. Otherwise one is started with `spark.master`
    (local[*] where null).

    Raises:
        JavaNotFoundError: there is no Java 17 or newer.
    """
    os.environ.update(COMPUTING)
    os.environ["PYSPARK_PYTHON"] = os.environ.get("PYSPARK_PYTHON") or sys.executable
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    builder = SparkSession.builder.appName(f"ser {name}")
    options = dict(_FIXED) | {"spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower()}
    options |= {f"spark.executorEnv.{key}": value for key, value in COMPUTING.items()}
    if not submitted:
        find_java()
        log4j = conf_folder() / "log4j2.properties"
        options |= {
            "spark.driver.memory": settings.driver_memory,
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log4j.as_uri()}",
            "spark.ui.enabled": "false",
        }
        master = settings.master or "local[*]"
        if master.startswith("local"):
            options |= {"spark.driver.host": "localhost", "spark.driver.bindAddress": "127.0.0.1"}
            options["spark.sql.shuffle.partitions"] = "8"  # one machine: fewer, larger
        options["spark.master"] = master
    for key, value in {**options, **settings.conf}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
