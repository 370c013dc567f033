from __future__ import annotations

import numpy as np
import pytest

from ser_core.errors import BundleError
from ser_core.learning.training.population import PARTS, Population, one_part, parts_of


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    """3,000 segments of 300 recordings."""
    X = np.random.default_rng(0).normal([1e3, -2, 0], [1, 5, 0.1], (3000, 3)).astype(np.float32)
    return X, np.repeat([f"r{i}" for i in range(300)], 10)


def test_mean_and_variance_of_what_was_drawn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    population = Population.of(*rows)
    assert population.count == 3000
    np.testing.assert_allclose(population.mean, [1e3, -2, 0], atol=0.25)
    np.testing.assert_allclose(population.deviation, [1, 5, 0.1], rtol=0.05)


def test_merging_is_the_population_of_all(rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, recording = rows
    day = np.random.default_rng(1).integers(0, 5, 300).repeat(10)
    parts = [Population.of(X[day == one], recording[day == one]) for one in range(5)]
    together, whole = Population.merged(reversed(parts)), Population.of(X, recording)
    assert together.count == whole.count
    np.testing.assert_allclose(together.mean, whole.mean, rtol=1e-9)
    np.testing.assert_allclose(together.variance, whole.variance, rtol=1e-6)


def test_merging_with_nothing_changes_nothing(rows: tuple[np.ndarray, np.ndarray]) -> None:
    whole, empty = Population.of(*rows), Population.of(rows[0][:0], rows[1][:0])
    assert empty.count == 0
    assert np.isfinite(empty.deviation).all()
    np.testing.assert_array_equal(Population.merged([empty, whole]).mean, whole.mean)
    with pytest.raises(ValueError, match="no population"):
        Population.merged([])
    with pytest.raises(ValueError, match="differ"):
        Population.merged([whole, Population.of(rows[0][:, :2])])


def test_a_recording_of_errors_spoils_one_part_only(rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, recording = rows
    spoiled = X.copy()
    spoiled[:10] = 1e6
    plain, robust = Population.of(X, recording), Population.of(spoiled, recording)
    assert abs(spoiled[:, 1].mean() + 2) > 1000
    np.testing.assert_allclose(robust.mean, plain.mean, atol=0.3)
    np.testing.assert_allclose(robust.deviation, plain.deviation, rtol=0.05)


def test_recordings_stay_together_and_parts_are_stable() -> None:
    names = np.array([f"r{i}" for i in range(400)])
    assert np.array_equal(parts_of(np.tile(names, 2)), np.tile(parts_of(names), 2))
    assert set(parts_of(names).tolist()) == set(range(PARTS))
    assert parts_of(np.array(["recording"])).tolist() == [3]


def test_a_young_archive_is_shrunk_towards_the_training_corpora() -> None:
    own = one_part(100, np.array([2.0]), np.array([4.0]))
    training = one_part(5000, np.array([0.0]), np.array([1.0]))
    half = own.shrunk(training, 100)
    assert (half.mean[0], half.variance[0]) == (1.0, 2.5)
    assert own.shrunk(training, 0).mean[0] == 2.0
    none = Population.of(np.zeros((0, 1), np.float32)).shrunk(training, 100)
    assert (none.mean[0], none.variance[0]) == (0.0, 1.0)


def test_a_feature_that_does_not_vary_is_only_centred() -> None:
    X = np.full((100, 2), 7.0, np.float32)
    np.testing.assert_array_equal(Population.of(X).standardised(X + np.float32(1)), 1.0)


def test_what_is_written_is_what_is_read(rows: tuple[np.ndarray, np.ndarray]) -> None:
    population = Population.of(*rows)
    data = population.to_bytes()
    np.testing.assert_array_equal(Population.from_bytes(data, 3).variance, population.variance)
    for wrong, dimension in ((data, 2), (data[:-8], 3), (b"", 3), (b"x" * 200, 3)):
        with pytest.raises(BundleError, match="population"):
            Population.from_bytes(wrong, dimension)
    impossible = Population(population.counts, population.means * np.nan, population.squares)
    with pytest.raises(BundleError, match="impossible"):
        Population.from_bytes(impossible.to_bytes(), 3)
