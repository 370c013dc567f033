"""The Spark session, and the environment that its Python workers start in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from ser_core.config import conf_folder
from ser_core.config.settings import SparkSettings
from ser_core.environment import COMPUTING
from ser_core.errors import SerError
from ser_core.log import LogForm, log_form
from ser_core.pipeline.engine.early_end import EARLY_END

MINIMUM_JAVA = 17

_FIXED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
}


_JAVA_OPTIONS = "spark.driver.extraJavaOptions"


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


def known_properties() -> dict[str, str]:
    """Properties of Spark that are set already: by spark-submit, or in `spark-defaults.conf` of a JVM to come."""
    if _submitted():
        SparkContext._ensure_initialized()  # connects to the JVM that runs already
        return dict(SparkConf().getAll())
    folder = os.environ.get("SPARK_CONF_DIR") or f"{os.environ.get('SPARK_HOME', '')}/conf"
    path = Path(folder, "spark-defaults.conf")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (re.split(r"[\s=:]+", line.strip(), maxsplit=1) for line in lines if line.strip().startswith("spark."))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2 and pair[0] != "spark.master"}


def start_session(name: str, settings: SparkSettings) -> SparkSession:
    """The running session, or a new one.

    `spark-submit` has started the JVM with its master and its log already. Otherwise one is started with `spark.master`
    (local[*] where null), which logs as this process does.

    Raises:
        JavaNotFoundError: there is no Java 17 or newer.
    """
    os.environ.update(COMPUTING)
    os.environ["PYSPARK_PYTHON"] = os.environ.get("PYSPARK_PYTHON") or sys.executable
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(f"ser {name}")
    options = dict(_FIXED) | {"spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower()}
    options |= {f"spark.executorEnv.{key}": value for key, value in COMPUTING.items()}
    if not _submitted():
        find_java()
        options |= {
            "spark.driver.memory": settings.driver_memory,
            _JAVA_OPTIONS: f"{_logging_options()} {settings.conf.get(_JAVA_OPTIONS, '')}".strip(),
            "spark.ui.enabled": "false",
        }
        master = settings.master or "local[*]"
        if master.startswith("local"):
            options |= {"spark.driver.host": "localhost", "spark.driver.bindAddress": "127.0.0.1"}
            options["spark.sql.shuffle.partitions"] = "8"  # one machine: fewer, larger
        options["spark.master"] = master
    own = {key: value for key, value in settings.conf.items() if key != _JAVA_OPTIONS or _submitted()}
    for key, value in {**options, **own}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    EARLY_END.cancel_by(session.sparkContext.cancelAllJobs)
    EARLY_END.listen()
    return session


def _submitted() -> bool:
    """Whether spark-submit has started the JVM and this process."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _logging_options() -> str:
    """Options of a JVM by which it logs as this process does, with stack traces at level `debug` only."""
    form = log_form() or LogForm("info", False)
    log4j = conf_folder() / ("log4j2-json.properties" if form.as_json else "log4j2.properties")
    words = [f"-Dlog4j2.configurationFile={log4j.as_uri()}"]
    if form.level == "debug":
        words += ["-Dser.log.tasks=error", "-Dser.log.trace=full", "-Dser.log.traces=true"]
    return " ".join(words)
