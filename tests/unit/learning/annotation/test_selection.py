from __future__ import annotations

from collections import Counter

import numpy as np

from ser_core.learning.annotation.selection import choose


def random_posteriors(n: int, classes: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), n)


def test_half_are_the_least_certain() -> None:
    n, count = 400, 40
    posteriors = random_posteriors(n, 4, 1)
    calls = np.array([f"c{i}" for i in range(n)])  # a call each: nothing stands in the way
    uncertain, stratified = choose(calls, posteriors, count, 0)
    ordered = np.sort(posteriors, axis=1)
    by_margin = np.argsort(ordered[:, -1] - ordered[:, -2])
    assert set(uncertain) == set(by_margin[: count // 2])
    assert len(stratified) == count - count // 2


def test_the_others_are_spread_over_emotion_and_confidence() -> None:
    # neutral is nearly everything; of twelve strata each still gives two
    rng = np.random.default_rng(2)
    emotion = np.concatenate([np.zeros(900, int), np.repeat([1, 2, 3], 33)])
    top = rng.uniform(0.4, 0.99, len(emotion))
    posteriors = np.repeat((1 - top)[:, None] / 3, 4, axis=1)
    posteriors[np.arange(len(emotion)), emotion] = top
    calls = np.array([f"c{i}" for i in range(len(emotion))])
    _, stratified = choose(calls, posteriors, 48, 3)
    assert Counter(emotion[stratified]) == {0: 6, 1: 6, 2: 6, 3: 6}
    for emotion_index in range(4):
        low, high = np.quantile(top[emotion == emotion_index], [1 / 3, 2 / 3])
        result = top[stratified[emotion[stratified] == emotion_index]]
        assert [(result < low).sum(), (result > high).sum()] == [2, 2]


def test_the_seed_decides() -> None:
    calls, posteriors = np.array([f"c{i % 9}" for i in range(90)]), random_posteriors(90, 4, 4)
    first, again, other = (np.concatenate(choose(calls, posteriors, 20, seed)) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
