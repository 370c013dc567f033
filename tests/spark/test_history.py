"""The benchmark of nights at different ages of the archive, on a few calls."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

RATIOS = {
    *("requests_idle", "seconds_idle", "requests_busy", "seconds_busy", "bytes_idle", "memory"),
    *("query_seconds", "trace_seconds", "forget_seconds"),
}


@pytest.mark.slow
def test_a_night_costs_what_is_new_at_any_age() -> None:
    words = ["--nights", "1,40", "--calls", "50", "--rounds", "1", "--json"]
    command = [sys.executable, "-m", "tests.benchmarks.history", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["ratios"].keys() == RATIOS
    assert [size["dates"] for size in result["nights"].values()] == [31, 40]
    for name in ("requests_idle", "requests_busy", "bytes_idle"):
        assert 0.9 < result["ratios"][name] < 1.1
    assert result["nights"]["40"]["idle"]["worker_mb"] == 0  # no Spark
    assert result["nights"]["40"]["busy"]["worker_mb"] > 0
