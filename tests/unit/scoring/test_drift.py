"""Distances of distributions: zero of the same, known values, and what chance alone may do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.scoring.drift import (
    BINS,
    EDGES,
    difference_at_least,
    distance_to_training,
    factor_at_least,
    feature_bins,
    feature_histograms,
    feature_places,
    in_groups,
    psi_by_chance,
    psi_of_counts,
    share_at_least,
)

counts = st.lists(st.integers(0, 500), min_size=4, max_size=30).map(lambda values: np.array(values, dtype=np.int64))


@given(counts)
def test_psi_of_the_same_shares_is_zero_and_of_any_is_not_negative(a: np.ndarray) -> None:
    assert psi_of_counts(a, a) == 0.0
    assert psi_of_counts(a, a[::-1].copy()) >= 0.0
    assert psi_of_counts(a, a[::-1].copy()) == pytest.approx(psi_of_counts(a[::-1].copy(), a))


def test_psi_has_the_value_of_its_formula() -> None:
    before, now = np.array([500_000, 500_000]), np.array([700_000, 300_000])
    assert psi_of_counts(before, now) == pytest.approx(0.2 * math.log(1.4) - 0.2 * math.log(0.6), abs=1e-5)


def test_chance_bounds_the_psi_of_two_samples_of_one_distribution() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.06, 0.04])
    psis = [psi_of_counts(rng.multinomial(2000, shares), rng.multinomial(150, shares)) for _ in range(4000)]
    bound = psi_by_chance(5, 2000, 150)
    assert np.mean(np.array(psis) > bound) < 0.004
    assert np.quantile(psis, 0.999) > bound / 2  # and it is no wide one
    assert psi_by_chance(5, 2000, 0) == math.inf


@given(counts, counts)
def test_groups_keep_every_count(a: np.ndarray, b: np.ndarray) -> None:
    size = min(len(a), len(b))
    before, now = in_groups(a[:size], b[:size])
    assert (before.sum(), now.sum()) == (a[:size].sum(), b[:size].sum())
    assert len(before) == len(now) <= 10


def test_groups_split_the_first_evenly() -> None:
    before, _ = in_groups(np.full(60, 100), np.ones(60, dtype=np.int64))
    assert before.tolist() == [600] * 10


def test_bins_are_those_of_their_edges() -> None:
    X = np.array([[0.0, -1e9], [0.01, 1e9]])
    bins = feature_bins(X, np.zeros(2), np.ones(2))
    assert bins[:, 1].tolist() == [0, BINS - 1]
    assert EDGES[bins[1, 0] - 1] < 0.01 <= EDGES[bins[1, 0]]
    histograms = feature_histograms(bins)
    assert histograms.shape == (2, BINS)
    assert histograms.sum(axis=1).tolist() == [2, 2]
    assert all(histograms[feature, bins[row, feature]] == 1 for row in range(2) for feature in range(2))


@pytest.mark.parametrize("shift", [0.0, 1.0, -4.0])
def test_distance_to_training_is_that_of_the_means(shift: float) -> None:
    X = np.random.default_rng(1).normal(3 + 2 * shift, 2, size=(5000, 4))
    histograms = feature_histograms(feature_bins(X, np.full(4, 3.0), np.full(4, 2.0)))
    assert distance_to_training(histograms) == pytest.approx(abs(shift), abs=0.1 + 0.05 * abs(shift))
    assert distance_to_training(np.zeros((0, BINS), dtype=np.int64)) is None


@pytest.mark.parametrize(("dimension", "wanted"), [(180, 32), (2632, 32), (10, 32), (1, 32)])
def test_places_are_distinct_and_cover_the_vector(dimension: int, wanted: int) -> None:
    places = feature_places(dimension, wanted)
    assert len(places) == min(wanted, dimension)
    assert (places[0], places[-1]) == (0, dimension - 1)


def test_a_share_counts_only_beyond_chance() -> None:
    assert share_at_least(0, 0) == 0.0
    assert share_at_least(1, 2) < 0.1
    assert share_at_least(500, 1000) == pytest.approx(0.5, abs=0.06)
    assert share_at_least(500, 1000) < 0.5


def test_a_factor_counts_only_beyond_chance_and_either_way() -> None:
    assert factor_at_least(4, 2) == 1.0
    assert factor_at_least(10_000, 1_000) == pytest.approx(10, rel=0.15)
    assert factor_at_least(1_000, 10_000) == pytest.approx(factor_at_least(10_000, 1_000))


def test_a_difference_of_shares_counts_only_beyond_chance() -> None:
    assert difference_at_least(0, 0, 5, 10) == 0.0
    assert difference_at_least(2, 10, 6, 10) == 0.0
    assert difference_at_least(200, 1000, 600, 1000) == pytest.approx(0.4, abs=0.07)
    assert difference_at_least(200, 1000, 600, 1000) == difference_at_least(600, 1000, 200, 1000) < 0.4
