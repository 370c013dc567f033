"""How far a segment is tuned off A440, as librosa's `estimate_tuning` finds it, without a loop over frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_F_MIN, _F_MAX = 150.0, 4000.0
_THRESHOLD = 0.1
_EDGES = np.linspace(-0.5, 0.5, 101)


def spectral_peaks(power: Array, sr: int) -> tuple[Array, Array]:
    """Frequencies in hertz and magnitudes of the local maxima of each frame's spectrum.

    `power` has the shape (frames, 1 + n_fft // 2). Peaks lie between 150 and 4,000 Hz, above a tenth of the frame's
    maximum, and are placed by parabolic interpolation (Smith, "Spectral Audio Signal Processing", 2011).
    """
    n_fft = 2 * (power.shape[1] - 1)  # where n_fft is odd librosa, too, takes the even one below it here
    bins = np.arange(power.shape[1]) * (sr / n_fft)
    inside = np.flatnonzero((bins >= _F_MIN) & (bins < min(_F_MAX, sr / 2)))
    if inside.size == 0:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    low, high = max(int(inside[0]), 1), int(inside[-1]) + 1
    before, here, after = power[:, low - 1 : high - 1], power[:, low:high], power[:, low + 1 : high + 1]
    loud = here > np.float32(_THRESHOLD) * power.max(axis=1, keepdims=True)
    row, column = np.nonzero(loud & (here > before) & (here >= after))
    left, peak, right = before[row, column], here[row, column], after[row, column]
    slope = (right - left) / np.float32(2)
    shift = _vertex(left, peak, right)
    frequency = (column + low + shift) * float(sr) / n_fft
    return frequency.astype(np.float32), peak + np.float32(0.5) * slope * shift


def _vertex(left: Array, peak: Array, right: Array) -> Array:
    """Where the parabola through three neighbouring bins turns, in bins from the middle one; 0 beyond a bin."""
    curve = (left + right).astype(np.float64) - 2.0 * peak
    slope = (right - left).astype(np.float64) / 2
    flat = np.abs(slope) >= np.abs(curve)
    return np.where(flat, 0.0, -slope / np.where(flat, 1.0, curve)).astype(np.float32)


def estimate_tuning(frequency: Array, magnitude: Array) -> float:
    """The commonest deviation from A440 among the louder half of the peaks, in semitones: -0.5 to 0.49."""
    heard = frequency > 0
    if not heard.any():
        return 0.0
    chosen = frequency[heard & (magnitude >= np.median(magnitude[heard]))]
    if chosen.size == 0:
        return 0.0
    residual = np.mod(12 * np.log2(chosen / (440.0 / 16)), 1.0)
    residual[residual >= 0.5] -= 1.0
    counts, edges = np.histogram(residual, _EDGES)
    return float(edges[np.argmax(counts)])


def tuning_of(peaks: Sequence[tuple[Array, Array]]) -> float:
    """`estimate_tuning` over the peaks of several blocks of frames."""
    return estimate_tuning(np.concatenate([f for f, _ in peaks]), np.concatenate([m for _, m in peaks]))
