"""Functionals: a descriptor's course over frames → numbers (Schuller et al. 2013, ComParE; Eyben 2016, ch. 2.4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

MOMENTS = (
    *("mean", "std", "skewness", "kurtosis", "p05", "p25", "p50", "p75", "p95"),
    *("range", "iqr", "slope", "curvature"),
)
SPREAD = ("std", "meanabs", "p05", "p95")

_VARIANCE_FLOOR = np.float32(1e-6)
"""A deviation below a thousandth of a descriptor's unit is rounding, whose shape means nothing."""


def moments(x: Array) -> Array:
    """The functionals `MOMENTS` of each row of `x`, shape (descriptors, frames): float32 (13, descriptors).

    Skewness and the logarithm of kurtosis are those of the standardised values, 0 where a row is constant. `range` and
    `iqr` are the distances of the outer and of the inner quantiles. `slope` and `curvature` are the coefficients of the
    Legendre polynomials of degree 1 and 2 (up to scale) over time from -1 to 1, each fitted alone.
    """
    n = x.shape[1]
    out = np.empty((len(MOMENTS), len(x)), np.float32)
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    variance = np.einsum("ij,ij->i", centred, centred) / np.float32(n)
    z = centred / np.sqrt(variance + _VARIANCE_FLOOR)[:, None]
    squared = z * z
    out[0], out[1] = mean, np.sqrt(variance)
    out[2] = np.einsum("ij,ij->i", squared, z) / n
    out[3] = np.log(np.maximum(np.einsum("ij,ij->i", squared, squared) / n, 1))  # below 1 only where a row is constant
    out[4:9] = quantiles(x, (0.05, 0.25, 0.5, 0.75, 0.95))
    out[9], out[10] = out[8] - out[4], out[7] - out[5]
    out[11:] = (centred @ _polynomials(n)).T
    return out


def _polynomials(n: int) -> Array:
    """Least-squares weights of time and of its square over `n` frames from -1 to 1, shape (n, 2)."""
    t = np.linspace(-1, 1, n)
    square = t * t - (t * t).mean() if n > 2 else np.zeros(n)
    lengths = [max(float(p @ p), 1e-3) for p in (t, square)]
    return np.asarray(np.stack([t, square], axis=1) / lengths, np.float32)


def spread(x: Array) -> Array:
    """The functionals `SPREAD` of each row of `x`, shape (descriptors, frames): float32 (4, descriptors)."""
    out = np.empty((len(SPREAD), len(x)), np.float32)
    out[0], out[1] = x.std(axis=1), np.abs(x).mean(axis=1)
    out[2:] = quantiles(x, (0.05, 0.95))
    return out


def mean_and_std(x: Array) -> Array:
    """Mean and deviation of each row of `x`, shape (descriptors, frames): float32 (2, descriptors)."""
    return np.stack([x.mean(axis=1), x.std(axis=1)])
