from __future__ import annotations

import numpy as np

from ser_core.learning.training.familiarity import LEAST, fit_familiarity


def rows(n: int, seed: int, d: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, d)).astype(np.float32)


def test_what_is_as_in_training_is_familiar() -> None:
    for d in (60, 900):  # fewer and more features than rows
        measure = fit_familiarity(rows(700, 0, d))
        assert abs(np.mean(measure.distance(rows(700, 0, d))) - 1) < 0.05
        assert np.mean(measure(rows(700, 0, d), None) == 1.0) > 0.85


def test_the_farther_the_less_familiar() -> None:
    measure = fit_familiarity(rows(2000, 0))
    means = [float(measure(rows(500, 1) * factor, None).mean()) for factor in (1, np.float32(1.5), 2, 4)]
    assert means == sorted(means, reverse=True)
    assert measure(rows(5, 1) * 50, None).tolist() == [LEAST] * 5


def test_a_voice_is_judged_as_a_whole() -> None:
    measure, Z = fit_familiarity(rows(2000, 0)), rows(40, 2)
    Z[:20] *= 2
    speaker = np.repeat(["far", "near"], 20)
    by_voice = measure(Z, speaker)
    assert len(np.unique(by_voice)) == 2
    assert by_voice[0] < 0.6 < by_voice[-1] == 1.0
    assert measure(Z[:0], speaker[:0]).shape == (0,)
