from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ser_core.learning.annotation.agreement import nominal_alpha, pairwise_agreement
from ser_core.learning.annotation.selection import choose


@given(
    n=st.integers(0, 60),
    callers=st.integers(1, 12),
    count=st.integers(1, 50),
    seed=st.integers(0, 5),
    k=st.integers(2, 5),
)
def test_whatever_the_archive(n: int, callers: int, count: int, seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    calls = np.array([f"c{i}" for i in rng.integers(callers, size=n)], dtype="U3")
    posteriors = rng.dirichlet(np.full(k, 0.5), n)
    uncertain, stratified = choose(calls, posteriors, count, seed)
    chosen = [*uncertain, *stratified]
    assert len(chosen) == len(set(chosen)) == min(count, n)
    # a call gives one more than another only where that other has no more
    given_by, available = Counter(calls[chosen]), Counter(calls)
    most = max(given_by.values(), default=0)
    assert all(given_by[call] >= min(available[call], most - 1) for call in available)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=8))
def test_agreement_does_not_depend_on_order_and_names(units: list[list[str]]) -> None:
    other = [[{"a": "b", "b": "c", "c": "a"}[label] for label in reversed(unit)] for unit in reversed(units)]
    for measure in (nominal_alpha, pairwise_agreement):
        original, renamed = measure(units), measure(other)
        assert (original is None) == (renamed is None)
        assert original is None or abs(original - renamed) < 1e-12
        assert original is None or original <= 1 + 1e-12
