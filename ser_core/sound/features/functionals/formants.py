"""Formants: the first three peaks of a linear-prediction envelope of order 10 at 8 kHz.

Makhoul 1975, "Linear prediction: a tutorial review", the autocorrelation method. Peaks of the envelope are picked as
McCandless (1974) did, not the roots of the polynomial: the same up to formants that merge, at a tenth of the work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import power_of
from ser_core.sound.features.functionals.source_plan import SourceFrames

Array = npt.NDArray[np.float32]

N_FORMANTS = 3
NEUTRAL_HZ = (500.0, 1500.0, 2500.0)
"""The resonances of a uniform tube of 17.5 cm (Fant 1960), for formants without a peak."""

_ENVELOPE = 256
_FROM, _TO = 7, 120
"""Bins of the envelope a formant may lie in, 220 to 3,720 Hz at 8 kHz."""


class Envelope(NamedTuple):
    """The envelope of each frame."""

    formants_hz: Array  # (frames, 3)
    gain: Array  # (frames,), log of the share of energy in the prediction error


def envelope(frames: SourceFrames) -> Envelope:
    """Formants and prediction gain of every frame."""
    lags = frames.power @ frames.plan.lpc_lags
    lags[:, 0] = lags[:, 0] * np.float32(1.0001) + np.float32(1e-9)  # a white floor of -40 dB keeps it solvable
    coefficients, error = levinson(lags)
    response = power_of(scipy.fft.rfft(coefficients, _ENVELOPE, axis=1))
    decibels = -10 * np.log10(response + np.float32(1e-9))
    return Envelope(first_peaks(decibels, frames.plan.sr / _ENVELOPE), np.log(error / lags[:, 0]))


def levinson(lags: Array) -> tuple[Array, Array]:
    """Levinson-Durbin recursion (Durbin 1960) for all frames at once.

    `lags` is the autocorrelation, shape (frames, order + 1). Returns the prediction polynomial, the same shape with
    ones in column 0, and the energy of the prediction error, shape (frames,).
    """
    polynomial = np.zeros_like(lags)
    polynomial[:, 0] = 1
    error = lags[:, 0].copy()
    for i in range(1, lags.shape[1]):
        reflection = -np.einsum("ij,ij->i", polynomial[:, :i], lags[:, i:0:-1]) / error
        polynomial[:, 1 : i + 1] += reflection[:, None] * polynomial[:, :i][:, ::-1]
        error *= np.maximum(1 - reflection * reflection, np.float32(1e-6))
    return polynomial, error


def first_peaks(decibels: Array, step_hz: float) -> Array:
    """Frequencies of the first three local maxima of each row, shape (frames, 3), each placed by a parabola."""
    bins = decibels[:, _FROM:_TO]
    is_peak = (bins > decibels[:, _FROM - 1 : _TO - 1]) & (bins >= decibels[:, _FROM + 1 : _TO + 1])
    row, column = np.nonzero(is_peak)
    first = np.searchsorted(row, np.arange(len(decibels) + 1))
    out = np.empty((len(decibels), N_FORMANTS), np.float32)
    rows, column = np.arange(len(decibels)), np.append(column, 0)
    for k in range(N_FORMANTS):
        exists = first[:-1] + k < first[1:]
        at = column[np.where(exists, first[:-1] + k, -1)]
        left, peak, right = (decibels[rows, at + _FROM + step] for step in (-1, 0, 1))
        shift = np.float32(0.5) * (left - right) / np.minimum(left - 2 * peak + right, np.float32(-1e-3))
        out[:, k] = np.where(exists, (at + _FROM + shift) * step_hz, NEUTRAL_HZ[k])
    return out
