"""Functionals of courses that are known."""

import numpy as np
import pytest

from ser_core.sound.features.relative.relative_courses import (
    DISTRIBUTION,
    RHYTHM,
    against_mean,
    deviation,
    distribution,
    rhythm,
)


def test_the_distribution_of_known_values():
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(3, 2, 20000), rng.exponential(2, 20000), np.full(20000, 5)]).astype(np.float32)
    found = dict(zip(DISTRIBUTION, distribution(x), strict=True))
    np.testing.assert_allclose(found["mean"], [3, 2, 5], atol=0.05)
    np.testing.assert_allclose(found["std"], [2, 2, 0], atol=0.05)
    np.testing.assert_allclose(found["skewness"], [0, 2, 0], atol=0.15)
    np.testing.assert_allclose(found["p50"], [3, 2 * np.log(2), 5], atol=0.05)
    np.testing.assert_allclose(found["range"], [4 * 1.645, 2 * np.log(19), 0], atol=0.15)
    np.testing.assert_allclose(found["iqr"], [4 * 0.6745, 2 * np.log(3), 0], atol=0.05)


def test_the_order_of_frames_is_in_no_distribution_and_no_deviation():
    x = np.random.default_rng(0).standard_normal((4, 200)).astype(np.float32)
    np.testing.assert_allclose(distribution(x[:, ::-1]), distribution(x), atol=1e-5)
    np.testing.assert_allclose(deviation(x)[0], x.std(axis=1), rtol=1e-5)


def test_what_a_line_adds_is_not_in_the_difference_of_loud_and_quiet():
    rng = np.random.default_rng(0)
    level = rng.standard_normal(90).astype(np.float32)
    x = (2 * level + 0.01 * rng.standard_normal((3, 90))).astype(np.float32)
    loud, quiet = against_mean(x, level)
    coloured = x + np.array([[1.0], [-5], [20]], np.float32)
    np.testing.assert_allclose(against_mean(coloured, level), [loud, quiet], atol=1e-4)
    assert loud.min() > 1 and quiet.max() < -1


def test_voiced_stretches():
    voiced, active = np.zeros((2, 120), bool)
    voiced[10:30] = voiced[50:90] = True
    active[:100] = True
    found = dict(zip(RHYTHM, rhythm(voiced, active), strict=True))
    assert found["share"] == pytest.approx(0.6)
    assert found["rate"] == pytest.approx(2)
    assert np.exp(found["mean"]) == pytest.approx(0.32)
    assert np.exp(found["longest"]) == pytest.approx(0.42)
