"""Memory of Python workers, as far as Spark has to know of it: what follows from `isolation.memory_mb` and cores."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.config.settings import SparkSettings
from ser_core.errors import SettingsError

_WORKER_MB = 400.0  # a Python worker with its libraries and what it has computed but not written
_CHILD_MB = 150.0  # the process that decodes, before its first recording
_JVM_MB, _JVM_SHARE = 384.0, 0.1  # what Spark leaves for the JVM itself beside its heap, by default
_IN_CONTAINERS = ("yarn", "k8s://")
"""Masters that end an executor which takes more memory than it has asked for."""

_OVERHEAD, _FACTOR = "spark.executor.memoryOverhead", "spark.executor.memoryOverheadFactor"
_PYTHON, _HEAP, _CORES, _CPUS = (
    "spark.executor.pyspark.memory", "spark.executor.memory", "spark.executor.cores", "spark.task.cpus"
)  # fmt: skip
_UNITS = {"b": 1 / MB, "k": 2**10 / MB, "m": 1.0, "g": 2.0**10, "t": 2.0**20, "p": 2.0**30}
_SIZE = re.compile(r"(\d+)\s*([bkmgtp]?)b?", re.IGNORECASE)

Conf = Mapping[str, object]


def task_mb(settings: Settings) -> float:
    """Megabytes that a task may take outside of the JVM: its Python worker, what that has fetched, and the child."""
    fetched = settings.fetch.memory_mb + settings.fetch.prefetch_mb
    return _WORKER_MB + fetched + _CHILD_MB + settings.isolation.memory_mb


def with_worker_memory(settings: Settings, known: Conf) -> SparkSettings:
    """The settings of Spark, with `spark.executor.memoryOverhead` where nobody has set it.

    It is set for executors in containers only, which are killed when they exceed it.

    Args:
        settings: of the job.
        known: properties of Spark that are set already, as by spark-submit.

    Raises:
        SettingsError: what is set leaves less for Python than tasks may take; or this machine has too little memory.
    """
    spark = settings.spark
    conf: dict[str, object] = {**known, **spark.conf}
    master = str(known.get("spark.master") or spark.master or "local[*]")
    if master.startswith("local"):
        _check_this_machine(settings)
        return spark
    if not master.startswith(_IN_CONTAINERS):
        return spark
    tasks = max(_count(conf, _CORES) // _count(conf, _CPUS), 1)
    heap_mb = _megabytes(conf, _HEAP) or 1024.0
    needed = max(_JVM_MB, _JVM_SHARE * heap_mb) + tasks * task_mb(settings)
    python_mb, overhead_mb = _megabytes(conf, _PYTHON) or 0.0, _megabytes(conf, _OVERHEAD)
    if overhead_mb is None and _FACTOR in conf:
        overhead_mb = max(_JVM_MB, float(str(conf[_FACTOR])) * heap_mb)
    if overhead_mb is None:
        overhead = f"{max(needed - python_mb, _JVM_MB):.0f}m"
        return spark.model_copy(update={"conf": {**spark.conf, _OVERHEAD: overhead}})
    if overhead_mb + python_mb < needed:
        where = f"{_OVERHEAD} and {_PYTHON}" if python_mb else _OVERHEAD
        raise SettingsError(
            [
                f"spark.conf: {where} leave {overhead_mb + python_mb:.0f} MB beside the heap of an executor. Its "
                f"{tasks} tasks may take {needed:.0f} MB: isolation.memory_mb is {settings.isolation.memory_mb}, and a "
                f"Python worker takes {task_mb(settings) - settings.isolation.memory_mb:.0f} MB more. Set {_OVERHEAD} "
                f"to {needed - python_mb:.0f}m, leave it out, or lower isolation.memory_mb or {_CORES}"
            ]
        )
    return spark


def _check_this_machine(settings: Settings) -> None:
    """Fails where not even one recording may take what `isolation.memory_mb` allows. Spark's heap is here too."""
    total_mb = _machine_mb()
    heap_mb = _megabytes({_HEAP: settings.spark.driver_memory}, _HEAP) or 0.0
    needed = heap_mb + task_mb(settings)
    if total_mb is not None and needed > total_mb:
        raise SettingsError(
            [
                f"isolation.memory_mb is {settings.isolation.memory_mb} and spark.driver_memory "
                f"{settings.spark.driver_memory}: one task may take {needed:.0f} MB in all, and this machine has "
                f"{total_mb:.0f} MB. Lower one of them"
            ]
        )


def _machine_mb() -> float | None:
    """Megabytes of memory of this machine, or of its container; None where neither is known."""
    limits = []
    with suppress(ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / MB)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if Path(path).is_file() and (text := Path(path).read_text(encoding="ascii").strip()).isdigit():
            limits.append(int(text) / MB)
    return min(limits, default=None)


def _megabytes(conf: Conf, name: str) -> float | None:
    """A size in megabytes, which Spark takes a number without a unit for; None where it is not set."""
    if name not in conf:
        return None
    size = _SIZE.fullmatch(str(conf[name]).strip())
    if size is None:
        raise SettingsError([f"spark.conf: {name} is {conf[name]!r}, expected a size such as 2g or 512m"])
    return int(size[1]) * _UNITS[size[2].lower() or "m"]


def _count(conf: Conf, name: str) -> int:
    text = str(conf.get(name, 1)).strip()
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError([f"spark.conf: {name} is {text!r}, expected a whole number of 1 or more"])
    return int(text)
