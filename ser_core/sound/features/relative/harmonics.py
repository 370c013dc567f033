"""Harmonics of a voice, the envelope through them, and its formants.

Linear prediction of a high voice finds its harmonics, not its formants: at 297 Hz it takes the harmonic between two
formants for one. Here the envelope is a curve through the levels of the harmonics (after Paul 1981, "The spectral
envelope estimation vocoder"), and linear prediction is of that curve, which has no harmonics left.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ser_core.sound.features.functionals.formants import first_peaks, levinson
from ser_core.sound.features.functionals.source_plan import N_FFT

Array = npt.NDArray[np.float32]

POINTS = 64
"""Steps of the envelope from 0 Hz to half the rate: 62.5 Hz at 8 kHz."""
ORDER = 9
"""Of the prediction. On synthetic vowels at 110 to 330 Hz orders 9 and 10 err least."""

_FEWEST = 7
"""Levels, at least: six harmonics have descriptors."""
_UNUSED_BINS = 7
"""At the top of the spectrum: the low-pass of the resampling."""
_FLOOR = np.float32(1e-9)
_DB = np.float32(10 / np.log(10))
_EMPHASIS = 0.97
_RESPONSE = 256


def harmonic_levels(power: Array, f0: Array, sr: float) -> Array:
    """Decibels at the multiples 0, 1, 2 … of `f0`, shape (frames,), in spectra at `sr` hertz, shape (frames, 257).

    Each is that of the strongest of three bins. The first is repeated at 0 Hz, the last beyond half of `sr`. Returns
    the shape (frames, n), where n is two more than the lowest voice has harmonics.
    """
    strongest = power.copy()
    np.maximum(strongest[:, 1:], power[:, :-1], out=strongest[:, 1:])
    np.maximum(strongest[:, :-1], power[:, 1:], out=strongest[:, :-1])
    step = f0 * np.float32(N_FFT / sr)
    last = np.maximum(((power.shape[1] - 1 - _UNUSED_BINS) / step).astype(np.intp), 1)
    multiple = np.clip(np.arange(max(int(last.max()) + 3, _FEWEST)), 1, last[:, None])
    bins = np.rint(multiple * step[:, None]).astype(np.intp)
    bins += np.arange(0, power.size, power.shape[1])[:, None]
    return np.asarray(_DB * np.log(strongest.ravel()[bins] + _FLOOR))


def envelope_through(levels: Array, f0: Array, sr: float) -> Array:
    """The curve through the levels of harmonics, in decibels, from 0 Hz to half of `sr`: shape (frames, 65).

    Catmull & Rom's spline (1974).
    """
    most = levels.shape[1]
    at = np.minimum(np.arange(POINTS + 1) * np.float32(sr / 2 / POINTS) / f0[:, None], np.float32(most - 2.01))
    low = at.astype(np.intp)
    w = at - low
    rows = np.arange(0, levels.size, levels.shape[1])[:, None]
    flat = levels.ravel()
    before, left, right = flat[rows + np.abs(low - 1)], flat[rows + low], flat[rows + low + 1]
    after = flat[rows + np.minimum(low + 2, most - 1)]
    cubic = 3 * (left - right) + after - before
    square = 2 * before - 5 * left + 4 * right - after
    return np.asarray(left + np.float32(0.5) * w * (right - before + w * (square + w * cubic)), np.float32)


def formants_of(envelope_db: Array, sr: float) -> Array:
    """The first three formants in hertz, shape (frames, 3), of envelopes of shape (frames, 65): peaks of linear
    prediction (Makhoul 1975) of their power."""
    loudest = envelope_db.max(axis=1, keepdims=True)
    lags = np.exp((envelope_db - loudest) / _DB) @ _lags()
    lags[:, 0] *= np.float32(1.0001)
    polynomial, _ = levinson(lags)
    even, odd = (polynomial @ part for part in _response())
    return first_peaks(-np.log(even * even + odd * odd + _FLOOR), sr / _RESPONSE)


@lru_cache(maxsize=1)
def _response() -> tuple[Array, Array]:
    """A polynomial → the real and the imaginary part of its transform of 256 points, each (10, 129): a product with ten
    rows takes a tenth of a transform, which is mostly of zeros."""
    turns = np.outer(np.arange(ORDER + 1), np.arange(_RESPONSE // 2 + 1)) * (2 * np.pi / _RESPONSE)
    return np.cos(turns).astype(np.float32), np.sin(turns).astype(np.float32)


@lru_cache(maxsize=1)
def _lags() -> Array:
    """Power at the points of an envelope → autocorrelation after pre-emphasis, shape (65, 10)."""
    omega = np.pi * np.arange(POINTS + 1) / POINTS
    cosines = np.cos(np.outer(omega, np.arange(ORDER + 1))) / (2 * POINTS)
    cosines[1:-1] *= 2
    emphasis = np.abs(1 - _EMPHASIS * np.exp(-1j * omega)) ** 2
    return np.asarray(cosines * emphasis[:, None], np.float32)
