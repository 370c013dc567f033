"""Memory that executors ask for, by what their Python workers may take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ser_core.config import Settings, load_settings
from ser_core.errors import SettingsError
from ser_core.pipeline.engine import session, worker_memory
from ser_core.pipeline.engine.worker_memory import task_mb, with_worker_memory

OVERHEAD = "spark.executor.memoryOverhead"


def settings(*words: str) -> Settings:
    return load_settings(words, environ={})


def overhead(known: dict[str, Any], *words: str) -> object:
    return with_worker_memory(settings(*words), known).conf.get(OVERHEAD)


@pytest.mark.parametrize("master", ["yarn", "k8s://https://10.0.0.1:443"])
def test_the_overhead_holds_what_all_tasks_of_an_executor_may_take(master: str) -> None:
    one = task_mb(settings())
    assert one > settings().isolation.memory_mb
    for cores in (1, 4):
        known = {"spark.master": master, "spark.executor.cores": str(cores), "spark.executor.memory": "2g"}
        assert overhead(known) == f"{384 + cores * one:.0f}m"
    big = {"spark.master": master, "spark.executor.memory": "20g"}
    assert overhead(big) == f"{2048 + one:.0f}m"
    assert overhead(big, "--isolation.memory-mb", "4096") == f"{2048 + one + 3072:.0f}m"
    two = {"spark.master": master, "spark.executor.cores": "4", "spark.task.cpus": "2"}
    assert overhead(two) == f"{384 + 2 * one:.0f}m"


def test_what_somebody_has_set_stays() -> None:
    for known in ({"spark.master": "yarn", OVERHEAD: "9g"}, {"spark.master": "yarn", OVERHEAD: "9000"}):
        assert overhead(known) is None
    assert overhead({}, "--spark.master", "yarn", "--spark.conf", f"{OVERHEAD}=9g") == "9g"
    shared = {"spark.master": "yarn", "spark.executor.pyspark.memory": "1g"}
    assert overhead(shared) == f"{384 + task_mb(settings()) - 1024:.0f}m"
    factor = {"spark.master": "yarn", "spark.executor.memory": "10g", "spark.executor.memoryOverheadFactor": "0.4"}
    assert overhead(factor) is None


@pytest.mark.parametrize("master", [None, "local[2]", "local-cluster[2,1,1024]", "spark://host:7077"])
def test_where_executors_are_in_no_container_nothing_is_set(master: str | None) -> None:
    given = settings(*(["--spark.master", master] if master else []))
    assert with_worker_memory(given, {}) == given.spark


def test_a_sum_that_cannot_be_is_a_fault() -> None:
    with pytest.raises(SettingsError) as caught:
        overhead({"spark.master": "yarn", "spark.executor.cores": "4", OVERHEAD: "2g"})
    (fault,) = caught.value.faults
    for word in (
        OVERHEAD,
        "2048 MB",
        "4 tasks",
        "isolation.memory_mb is 1024",
        f"{384 + 4 * task_mb(settings()):.0f}m",
    ):
        assert word in fault
    with pytest.raises(SettingsError, match="memoryOverhead leave"):
        overhead({"spark.master": "yarn", "spark.executor.memory": "2g", "spark.executor.memoryOverheadFactor": "0.1"})


@pytest.mark.parametrize("known", [{OVERHEAD: "much"}, {"spark.executor.cores": "0"}, {"spark.executor.cores": "two"}])
def test_a_size_or_number_that_is_none_is_a_fault(known: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(known))):
        overhead({"spark.master": "yarn", **known})


def test_a_machine_with_too_little_memory_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_memory, "_machine_mb", lambda: 3000.0)
    with pytest.raises(SettingsError, match=r"isolation\.memory_mb is 1024.*this machine has 3000 MB"):
        with_worker_memory(settings(), {})
    small = settings("--spark.driver-memory", "1g", "--isolation.memory-mb", "512")
    assert with_worker_memory(small, {}) == small.spark


def test_the_defaults_of_spark_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["# comment", "", f"{OVERHEAD}   5g", "spark.executor.cores=3", "spark.master yarn", "other.key 1"]
    (tmp_path / "spark-defaults.conf").write_text("\n".join(lines))
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert session.known_properties() == {OVERHEAD: "5g", "spark.executor.cores": "3"}
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "none"))
    assert session.known_properties() == {}
