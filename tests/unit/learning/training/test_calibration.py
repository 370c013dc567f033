from __future__ import annotations

import logging

import numpy as np
import pytest

from ser_core.learning.training.calibration import TEMPERATURES, fit_temperature, speaker_groups
from ser_core.learning.training.ensemble import log_softmax
from ser_core.learning.training.metrics import measure

CLASSES = ("neutral", "happy", "sad", "angry")


def spoken(n: int = 20000) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of posteriors that are right as often as they say, and the truth drawn from them."""
    rng = np.random.default_rng(0)
    logs = log_softmax(rng.normal(0, 1.5, (n, 4)))
    drawn = np.exp(logs).cumsum(axis=1) < rng.random((n, 1))
    return logs, drawn.sum(axis=1)


@pytest.mark.parametrize("planted", [0.7, 1.0, 3.0])
def test_the_planted_temperature_is_fitted(planted: float) -> None:
    logs, truth = spoken()
    assert fit_temperature(logs * planted, truth) == pytest.approx(planted, rel=0.05)


def test_what_is_too_sure_is_calibrated() -> None:
    logs, truth = spoken()
    sure = logs * 3
    before = measure(truth, np.exp(log_softmax(sure)), CLASSES)
    after = measure(truth, np.exp(log_softmax(sure / fit_temperature(sure, truth))), CLASSES)
    assert before.ece > 0.15
    assert after.ece < 0.02
    assert after.uar == before.uar


def test_always_right_and_always_wrong_stay_within_bounds() -> None:
    logs = log_softmax(np.eye(4)[np.arange(40) % 4])
    low, high = TEMPERATURES
    assert fit_temperature(logs, np.arange(40) % 4) == pytest.approx(low, rel=0.01)
    assert fit_temperature(logs, (np.arange(40) + 1) % 4) == pytest.approx(high, rel=0.01)


@pytest.mark.parametrize(("speakers", "groups"), [(2, 2), (3, 2), (4, 2), (6, 3), (10, 5), (24, 5)])
def test_each_speaker_is_left_out_once(speakers: int, groups: int) -> None:
    speaker = np.char.add("s", (np.arange(speakers * 7) % speakers).astype(str))
    masks = speaker_groups(speaker, 0)
    assert len(masks) == groups
    np.testing.assert_array_equal(np.sum(masks, axis=0), 1)
    sizes = [len(np.unique(speaker[mask])) for mask in masks]
    assert max(sizes) - min(sizes) <= 1
    for mask in masks:
        assert not set(speaker[mask]) & set(speaker[~mask])


def test_groups_are_drawn_by_the_seed() -> None:
    speaker = np.arange(20).astype(str)
    one, same, other = (np.array(speaker_groups(speaker, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_one_speaker_cannot_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ser_core"):
        assert speaker_groups(np.array(["s", "s"]), 0) == ()
    assert "not calibrated: there is only one speaker" in caplog.text
