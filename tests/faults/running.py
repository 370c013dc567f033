"""A job under way, in a process of its own or in a thread of this one, and the kill that hits it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pyspark.sql import SparkSession

from ser_core.config import Settings, load_settings
from ser_core.data.storage.lease_turns import LEASES
from ser_core.pipeline.engine.session import start_session
from ser_core.pipeline.stages.job import execute
from tests.faults.night import JOBS, Night, spark_home
from tests.faults.processes import Process, below, jvms, workers
from tests.faults.trials import Trial
from tests.support.pipeline import file_marks

LEASE_S = 4.0
_MASTERS = {"driver": "local[2]", "executor": "local-cluster[1,2,1024]"}
CONF = {"spark.sql.shuffle.partitions": 2, "spark.sql.codegen.wholeStage": False}
# Many short lives: compile fast, not well, and with room for it, since a full cache ends compilation.
JAVA = {"JDKJAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"}
_COMMAND = "import sys; from ser_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
_DRIVER, _EXECUTOR = "org.apache.spark.deploy.SparkSubmit", "CoarseGrainedExecutorBackend"


class Running(Protocol):
    """A job that has been started."""

    def alive(self) -> bool:
        """Whether it is still at work."""
        ...

    def victims(self, trial: Trial) -> list[Process]:
        """Who is to be killed now; nobody where they are not there yet."""
        ...

    def begun(self) -> bool:
        """Whether its work has begun: a Python worker has been started for it, or it has its lease and needs none."""
        ...

    def wait(self, timeout_s: float) -> str:
        """How it ended."""
        ...


class InProcess:
    """`ser <job>` in a process of its own, as a person starts it."""

    def __init__(self, night: Night, settings: Settings, trial: Trial) -> None:
        local = {"master": _MASTERS[trial.target], "driver_memory": "1g", "conf": CONF}
        if trial.target == "executor":
            local["conf"] = {**CONF, "spark.executor.memory": "768m"}
        settings = on_spark(settings, trial)
        settings = settings.model_copy(update={"spark": settings.spark.model_copy(update=local)})
        self._leases = Path(settings.tables.uri, LEASES) if trial.job == "ingest" and trial.target == "driver" else None
        self._before = file_marks(self._leases) if self._leases is not None else {}
        words = [sys.executable, "-c", _COMMAND, trial.job, "--config", str(night.overlay(settings))]
        home = {"SPARK_HOME": str(spark_home(night.root))} if trial.target == "executor" else {}
        unset = {"PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET", "SPARK_HOME"}
        environ = {key: value for key, value in os.environ.items() if key not in unset}
        with Path(f"{settings.tables.uri}.log").open("wb") as log:
            self._process = subprocess.Popen(words, env={**environ, **JAVA, **home}, stdout=log, stderr=log)

    def alive(self) -> bool:
        return self._process.poll() is None

    def begun(self) -> bool:
        if self._leases is not None:
            return file_marks(self._leases) != self._before
        return bool(workers(self._process.pid))

    def victims(self, trial: Trial) -> list[Process]:
        if trial.target == "executor":
            return jvms(self._process.pid, _EXECUTOR)
        every = below(self._process.pid)
        driver, jvm = [one for one in every if one.pid == self._process.pid], jvms(self._process.pid, _DRIVER)
        return {"python": driver, "jvm": jvm, "both": [*jvm, *driver]}[trial.part]

    def wait(self, timeout_s: float) -> str:
        code = self._process.wait(timeout_s)
        return f"exit {code}" if code >= 0 else f"signal {-code}"


class InThread:
    """A job in a thread of this process, in the warm session: its Python workers are killed, and the JVM lives on."""

    def __init__(self, session: SparkSession, settings: Settings, trial: Trial) -> None:
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(session, on_spark(settings, trial), trial))
        self._thread.start()

    def _run(self, session: SparkSession, settings: Settings, trial: Trial) -> None:
        try:
            execute(JOBS[trial.job](settings), settings, session)
        except Exception as error:
            self._failed = error

    def alive(self) -> bool:
        return self._thread.is_alive()

    def begun(self) -> bool:
        return bool(workers(os.getpid()))

    def victims(self, trial: Trial) -> list[Process]:
        return workers(os.getpid())[:1]

    def wait(self, timeout_s: float) -> str:
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return f"at work after {timeout_s:.0f} s"
        return "done" if self._failed is None else type(self._failed).__name__


def on_spark(settings: Settings, trial: Trial) -> Settings:
    """The settings, by which even this small work is done by Spark where its executors or workers are to be killed."""
    if trial.target == "driver":
        return settings
    return settings.model_copy(update={"spark": settings.spark.model_copy(update={"driver_rows": 0})})


def start(session: SparkSession, night: Night, settings: Settings, trial: Trial) -> Running:
    """Starts the trial's job where its target can be killed."""
    return InThread(session, settings, trial) if trial.target == "worker" else InProcess(night, settings, trial)


@contextmanager
def warm_session() -> Iterator[SparkSession]:
    """One Spark session for all that is not to be killed as a whole."""
    os.environ.update(JAVA)
    small = {"master": "local[2]", "driver_memory": "1g", "conf": CONF}
    session = start_session("faults", load_settings(environ={}).spark.model_copy(update=small))
    try:
        yield session
    finally:
        session.stop()


def pause() -> None:
    """Between two looks: short beside the time a file of a table takes."""
    time.sleep(0.002)
