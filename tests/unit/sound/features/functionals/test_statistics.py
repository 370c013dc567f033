"""Functionals of courses whose statistics are known."""

import numpy as np
import pytest

from ser_core.sound.features.functionals.statistics import MOMENTS, SPREAD, mean_and_std, moments, spread


def of(row):
    return dict(zip(MOMENTS, moments(np.asarray(row, np.float32)[None])[:, 0], strict=True))


def test_a_line_has_its_slope_and_no_curvature():
    values = of(5 + 3 * np.linspace(-1, 1, 101))
    assert (values["mean"], values["slope"]) == (pytest.approx(5), pytest.approx(3, rel=1e-5))
    assert values["curvature"] == pytest.approx(0, abs=1e-5)
    assert values["std"] == pytest.approx(3 / np.sqrt(3), rel=0.02)
    assert np.exp(values["kurtosis"]) == pytest.approx(1.8, rel=0.01)
    assert (values["p05"], values["p95"]) == (pytest.approx(2.3), pytest.approx(7.7))
    assert (values["range"], values["iqr"]) == (pytest.approx(5.4), pytest.approx(3))


def test_a_parabola_has_its_curvature_and_no_slope():
    values = of(4 * np.linspace(-1, 1, 51) ** 2)
    assert values["curvature"] == pytest.approx(4, rel=1e-5)
    assert values["slope"] == pytest.approx(0, abs=1e-5)
    assert values["skewness"] > 0


@pytest.mark.parametrize("value", [0.0, -92.103, 1e4])
def test_what_does_not_move_has_no_shape(value):
    values = of(np.full(37, value))
    assert (values["mean"], values["p50"]) == (pytest.approx(value), pytest.approx(value))
    for name in ("std", "skewness", "kurtosis", "range", "iqr", "slope", "curvature"):
        assert values[name] == pytest.approx(0, abs=1e-2 if value == 1e4 else 1e-4), name


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_frames_have_finite_statistics(n):
    assert np.isfinite(moments(np.arange(2.0 * n, dtype=np.float32).reshape(2, n))).all()


def test_adding_moves_means_and_scaling_scales():
    x = np.random.default_rng(0).standard_normal((1, 400)).astype(np.float32)
    plain, moved = of(x[0]), of(10 * x[0] + 7)
    for name in ("skewness", "kurtosis"):
        assert moved[name] == pytest.approx(plain[name], abs=1e-4)
    for name in ("std", "range", "iqr", "slope", "curvature"):
        assert moved[name] == pytest.approx(10 * plain[name], rel=1e-3, abs=1e-4)
    for name in ("mean", "p05", "p25", "p50", "p75", "p95"):
        assert moved[name] == pytest.approx(10 * plain[name] + 7, rel=1e-4)


def test_spread_and_means():
    x = np.array([[-2, -1, 0, 1, 2], [3, 3, 3, 3, 3]], np.float32)
    values = dict(zip(SPREAD, spread(x), strict=True))
    np.testing.assert_allclose(values["std"], [np.sqrt(2), 0], atol=1e-6)
    np.testing.assert_allclose(values["meanabs"], [1.2, 3], rtol=1e-6)
    np.testing.assert_allclose(values["p95"], [1.8, 3], rtol=1e-6)
    np.testing.assert_allclose(mean_and_std(x), [[0, 3], [np.sqrt(2), 0]], atol=1e-6)
