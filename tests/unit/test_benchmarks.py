"""The benchmark suite: what is registered, what is written, what is said of what cannot be measured."""

import json
import subprocess
import sys

import pytest

from tests.benchmarks import registry, run
from tests.benchmarks.registry import Measured, NotMeasuredError, benchmark, in_turn


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(registry, "BENCHMARKS", {})
    monkeypatch.setattr(run, "BENCHMARKS", registry.BENCHMARKS)
    monkeypatch.setattr(run, "TOPICS", ())

    @benchmark("fast", "one / the other", at_least=6)
    def fast():
        return Measured([3.0, 9.0, 7.0], {"ser x real time": 1234.5})

    @benchmark("peer", "one / a peer", at_least=6)
    def peer():
        raise NotMeasuredError("needs the extra peers")


def test_medians_and_what_is_not_measured_are_written(two, tmp_path, capsys):
    assert run.main(["--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["ratios"]["fast"] == {"value": 7.0, "target": 6, "runs": [3.0, 9.0, 7.0]}
    assert found["absolute"]["fast"] == {"ser x real time": 1234.5}
    assert found["ratios"]["peer"]["value"] is None
    assert found["machine"]["cores"] >= 1
    assert "not measured: needs the extra peers" in (tmp_path / "bench.md").read_text()
    assert capsys.readouterr().out == (tmp_path / "bench.md").read_text()


def test_some_are_chosen_by_name(two, tmp_path):
    assert run.main(["--only", "fast", "--out", str(tmp_path)]) == 0
    assert [*json.loads((tmp_path / "bench.json").read_text())["ratios"]] == ["fast"]
    assert run.main(["--only", "slow", "--out", str(tmp_path)]) == 2


def test_a_name_is_registered_once(two):
    with pytest.raises(ValueError, match="fast"):
        benchmark("fast", "again", at_least=1)
    with pytest.raises(ValueError, match="one target"):
        benchmark("none", "without a target")


def test_sides_run_in_turn():
    order = []
    runs = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert order == ["a", "b"] * 3
    assert len(runs) == 2 and runs[0].keys() == {"a", "b"}


def test_the_published_names_are_there():

    code = "from tests.benchmarks import run; run.main(['--only', 'none'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("paper_48k_vs_tutorial", "paper_8k_vs_tutorial", "paper_8k_realtime", "full_vs_compare"):
        assert name in done.stderr
    assert "full_vs_egemaps" in done.stderr and "predict_cold_s" in done.stderr
