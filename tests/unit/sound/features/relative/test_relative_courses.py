"""Functionals of courses that are known."""

import numpy as np
import pytest

from ser_core.sound.features.relative.relative_courses import (
    PAIRS_TOGETHER,
    RHYTHM,
    UNITS,
    against_mean,
    rhythm,
    together,
    trend,
)


def test_the_trend_of_a_line_and_of_a_parabola():
    t = np.linspace(-1, 1, 201)
    slope, curvature = trend(np.stack([3 * t + 7, 2 * t**2]).astype(np.float32))
    np.testing.assert_allclose(slope, [3, 0], atol=1e-3)
    np.testing.assert_allclose(curvature, [0, 2], atol=1e-3)


def test_what_goes_together_whatever_a_line_adds():
    rng = np.random.default_rng(0)
    x, changes = rng.standard_normal((2, len(UNITS), 300)).astype(np.float32) * np.array(list(UNITS.values()))[:, None]
    x[1] = x[0]
    plain = dict(zip(zip(*PAIRS_TOGETHER, strict=True), together(x, changes), strict=True))
    coloured = together(x + np.arange(len(UNITS), dtype=np.float32)[:, None], changes)
    np.testing.assert_allclose(coloured, list(plain.values()), atol=1e-3)
    assert plain[0, 1] > plain[0, 2] + 1


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
