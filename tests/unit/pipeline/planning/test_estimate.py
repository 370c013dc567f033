"""The arithmetic of a plan, and the command."""

import json

import pytest

from ser_core.cli.main import main
from ser_core.config import load_settings
from ser_core.pipeline.planning.estimate import ArchiveSize, estimate
from ser_core.pipeline.planning.rates import Rates

RATES = Rates(
    extract_realtime=1000.0,
    task_spread=(1.0,),
    score_rows=10_000.0,
    segments_per_hour=600.0,
    bytes_per_s=8000.0,
    row_bytes={
        "recordings": 100.0,
        "channels": 200.0,
        "features": 10_000.0,
        "segment_emotions": 100.0,
        "call_emotions": 300.0,
        "call_talk": 100.0,
    },
)


def test_a_thousand_hours_by_hand() -> None:
    plan = load_settings(environ={}).plan.model_copy(update={"core_hour": 0.05, "gb_month": None})
    size = ArchiveSize(hours=1000, call_s=360, channels=2, scored_channels=1, days=10)
    found = estimate(size, RATES, cores=4, efficiency=0.5, partition_mb=64, buckets=8, plan=plan)
    assert found.recordings == 5000
    assert found.segments == 300_000
    assert found.archive_gb == pytest.approx(28.8)
    assert found.core_hours["extract"] == pytest.approx(2.0)
    assert found.core_hours["score"] == pytest.approx(300_000 / 10_000 / 3600 / 0.5)
    assert found.wall_hours == pytest.approx(found.core_hours["total"] / 4)
    assert found.storage_gb["features"] == pytest.approx(3.0)
    assert found.requests == {"list": 5, "get": 5000 + 900 + 320, "put": 900 + 320}
    assert found.cost == {"compute": pytest.approx(found.core_hours["total"] * 0.05)}


def test_twice_the_hours_take_twice_as_much() -> None:
    plan = load_settings(environ={}).plan
    one, two = (estimate(ArchiveSize(hours, 300, 2, 1, 365), RATES, 4, 0.85, 64, 8, plan) for hours in (10_000, 20_000))
    assert two.wall_hours == pytest.approx(2 * one.wall_hours)
    assert two.storage_gb["total"] == pytest.approx(2 * one.storage_gb["total"], rel=1e-3)


def test_the_command_measures_and_tells(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--hours", "1000", "--cores", "4", "--measure-s", "0.1", "--simulate", "--json"]
    small = ["--features.set", "paper-180", "--training.members", "1", "--training.calibration-members", "0"]
    assert main([*words, *small]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rates"]["extract_realtime"] > 50
    assert 300 < told["rates"]["segments_per_hour"] < 1500  # six seconds a turn, half the time, pauses within
    assert told["rates"]["bytes_per_s"] == pytest.approx(8000, rel=0.01)
    assert told["wall_hours"] == pytest.approx(told["core_hours"]["total"] / 4)
    assert told["simulation"]["slowdown"] >= 1


def test_wrong_arguments_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--hours", "-1", "--codec", "vinyl"]) == 2
    said = capsys.readouterr().err
    assert "--hours -1: expected more than 0" in said
    assert "--codec 'vinyl' is not known; there are pcm_16, ulaw" in said
