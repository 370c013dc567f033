"""The real command lines: exit codes, one JSON object on stdout, and faults reported before any JVM starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.pipeline import layout, merged
from tests.support.synth import wav, write_files

ROOT = Path(__file__).parents[2]
SPARK_SUBMIT = Path(sys.executable).with_name("spark-submit")
JOBS = ("ingest_archive", "extract_features", "train_model", "score_archive", "nightly")


def overlay(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(merged(layout(tmp_path), changes)), encoding="utf-8")
    return str(path)


def command(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SER_", "PYSPARK_", "SPARK_"))}
    own |= {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    return subprocess.run(
        [str(word) for word in words], cwd=ROOT, env=own | environment, capture_output=True, text=True, timeout=300
    )


def only_object(text: str) -> dict[str, Any]:
    (line,) = text.strip().splitlines()
    return dict(json.loads(line))


def test_ingest_by_python_then_extract_by_spark_submit(tmp_path: Path) -> None:
    write_files(tmp_path / "archive", {"a.wav": wav("sad"), "bad.wav": b"no sound at all"})
    config = overlay(tmp_path, roles={"mono": "customer"})
    done = command(sys.executable, "jobs/ingest_archive.py", "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    run = only_object(done.stdout)
    assert (run["job"], run["status"], run["listed"]) == ("ingest", "done", 2)
    done = command(
        SPARK_SUBMIT, "--master", "local[1]", "--conf", "spark.ui.enabled=false",
        "jobs/extract_features.py", "--config", config, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout.splitlines()[-1])  # spark-submit puts a driver's stderr on stdout too
    assert (run["job"], run["extracted"], run["refused_now"]) == ("extract", 1, 1)
    assert "INFO DAGScheduler" in done.stderr  # Spark's own log is left as spark-submit has it


@pytest.mark.parametrize("job", ["ingest_archive", "nightly"])
def test_all_faults_are_reported_at_once_and_no_jvm_starts(job: str, tmp_path: Path) -> None:
    config = overlay(tmp_path, archive={"uri": None, "timezone": "Berlin"}, tables={"buckets": 0}, colour="red")
    done = command(sys.executable, f"jobs/{job}.py", "--config", config, JAVA_HOME=str(tmp_path / "no java"))
    assert done.returncode == 2, done.stderr
    for word in ("archive.timezone", "Berlin", "tables.buckets", "colour"):
        assert word in done.stderr
    assert "Java" not in done.stderr  # a session would have asked for one
    assert done.stdout == ""
    assert not (tmp_path / "tables").exists()


def test_what_a_job_needs_is_asked_for(tmp_path: Path) -> None:
    config = overlay(tmp_path, archive={"uri": None})
    done = command(sys.executable, "jobs/nightly.py", "--config", config, JAVA_HOME=str(tmp_path / "no java"))
    assert done.returncode == 2, done.stderr
    assert "archive.uri" in done.stderr


def test_an_archive_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    done = command(
        sys.executable, "jobs/ingest_archive.py", "--config", overlay(tmp_path), "--json", JAVA_HOME=str(tmp_path)
    )
    assert done.returncode == 2, done.stderr
    run = only_object(done.stdout)
    assert run["status"] == "failed"
    assert str(tmp_path / "archive") in run["error"]


def test_without_java_a_job_says_how_to_get_one(tmp_path: Path) -> None:
    write_files(tmp_path / "archive", {"a.wav": wav("sad", 0.2)})
    done = command(
        sys.executable,
        "jobs/ingest_archive.py",
        "--config",
        overlay(tmp_path),
        "--spark.driver-rows",
        "0",
        JAVA_HOME=str(tmp_path / "no java"),
    )
    assert done.returncode == 1, done.stderr
    assert "Java 17" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("job", JOBS)
def test_every_job_explains_itself(job: str) -> None:
    done = command(sys.executable, f"jobs/{job}.py", "--help")
    assert done.returncode == 0, done.stderr
    assert "--archive.uri" in done.stdout


def test_a_corpus_that_is_not_there_is_named_as_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    config = overlay(tmp_path, corpus={"kind": "ravdess", "uri": str(tmp_path / "nowhere")})
    done = command(sys.executable, "jobs/train_model.py", "--config", config, JAVA_HOME=str(tmp_path / "no java"))
    assert done.returncode == 2, done.stderr
    assert "corpus.uri" in done.stderr
    assert "archive.uri" not in done.stderr
