"""How far segments are tuned off A440, as in librosa's `estimate_tuning`, without a loop over frames.

The tuning is the highest bar of a histogram of spectral peaks. In single precision a peak may fall on the other side of
a bar's edge, or not be a peak at all; in one clip of fifty that makes another bar the highest. Frames with such a peak
are marked as doubtful, so that the caller can compute their peaks in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_F_MIN, _F_MAX = 150.0, 4000.0
_THRESHOLD = np.float32(0.1)
_BARS = 100
_EDGES = np.linspace(-0.5, 0.5, _BARS + 1)
_POWER_ERROR = np.float32(2e-6)
"""Relative error of power in single precision at a peak: several times that of recordings."""
_SEMITONE_ERROR = 1e-5
"""Error of a peak's deviation, from rounding its frequency and its logarithm."""


class Peaks(NamedTuple):
    """Local maxima of spectra, in the order of their frames."""

    frame: Rows  # (peaks,)
    deviation: Array  # (peaks,), semitones from the nearest note at A440, -0.5 to 0.5
    magnitude: Array  # (peaks,)
    doubtful: Rows  # frames whose peaks single precision cannot place

    def after(self, frames: int) -> Peaks:
        """The same peaks, numbered as of frames that follow `frames` others."""
        return self._replace(frame=self.frame + frames, doubtful=self.doubtful + frames)

    @classmethod
    def joined(cls, blocks: Sequence[Peaks]) -> Peaks:
        """The peaks of successive frames."""
        return blocks[0] if len(blocks) == 1 else cls(*(np.concatenate(same) for same in zip(*blocks, strict=True)))

    def replaced(self, rows: Rows, others: Peaks) -> Peaks:
        """The peaks with those of the frames `rows` replaced by `others`, whose frame i is `rows[i]`."""
        keep = np.isin(self.frame, rows, invert=True)
        frame = np.concatenate([self.frame[keep], rows[others.frame]])
        order = np.argsort(frame, kind="stable")
        deviation = np.concatenate([self.deviation[keep], others.deviation])
        magnitude = np.concatenate([self.magnitude[keep], others.magnitude])
        return Peaks(frame[order], deviation[order], magnitude[order], rows[:0])


def spectral_peaks(power: Array, sr: int) -> Peaks:
    """The local maxima of each frame's spectrum; `power` has the shape (frames, 1 + n_fft // 2).

    Peaks lie between 150 and 4,000 Hz, above a tenth of the frame's maximum, and are placed by parabolic interpolation
    (Smith, "Spectral Audio Signal Processing", 2011).
    """
    n_bins = power.shape[1]
    n_fft = 2 * (n_bins - 1)  # for an odd n_fft, librosa also takes the even number below it here
    bins = np.arange(n_bins) * (sr / n_fft)
    inside = np.flatnonzero((bins >= _F_MIN) & (bins < min(_F_MAX, sr / 2)))
    low, high = (max(int(inside[0]), 1), int(inside[-1]) + 1) if len(inside) else (0, 0)
    loud = power[:, low:high] > _THRESHOLD * power.max(axis=1, keepdims=True)
    frame, column = np.divmod(np.flatnonzero(loud), max(high - low, 1))
    column += low
    flat, at = power.reshape(-1), frame * n_bins + column
    left, peak, right = flat[at - 1], flat[at], flat[at + 1]
    beside = np.maximum(left, right)
    flats = frame[np.abs(peak - beside) <= _POWER_ERROR * beside]
    highest = np.flatnonzero((peak > left) & (peak >= right))
    frame, column = frame[highest], column[highest]
    left, peak, right = left[highest], peak[highest], right[highest]
    shift, curve = _vertex(left, peak, right)
    frequency = (column + shift) * float(sr) / n_fft
    deviation = _deviation(frequency.astype(np.float32))
    error = _SEMITONE_ERROR + _POWER_ERROR * 12 / np.log(2) / column * peak / np.maximum(-curve, 1e-30)
    hundredths = 100 * deviation
    edge = frame[np.abs(hundredths - np.rint(hundredths)) <= 100 * error]
    magnitude = peak + np.float32(0.25) * (right - left) * shift
    return Peaks(frame, deviation, magnitude, np.unique(np.concatenate([flats, edge])))


def _vertex(left: Array, peak: Array, right: Array) -> tuple[Array, Wide]:
    """The vertex of the parabola through three neighbouring bins, in bins from the middle one, and its curvature.

    The vertex is 0 where it would be a bin or more away.
    """
    curve = (left + right).astype(np.float64) - 2.0 * peak
    slope = (right - left).astype(np.float64) / 2
    flat = np.abs(slope) >= np.abs(curve)
    return np.where(flat, 0.0, -slope / np.where(flat, 1.0, curve)).astype(np.float32), curve


def _deviation(frequency: Array) -> Array:
    """Semitones from the nearest note where A4 has 440 Hz, -0.5 to 0.5."""
    semitones: Array = np.mod(12 * np.log2(frequency / np.float32(440.0 / 16)), 1.0)
    semitones[semitones >= 0.5] -= 1.0
    return semitones


def tunings(peaks: Peaks, bounds: Rows) -> Wide:
    """The tuning of each segment in semitones, -0.5 to 0.49; its frames are those from `bounds[i]` to `bounds[i + 1]`.

    It is the commonest deviation from A440 among the louder half of a segment's peaks; 0 without peaks.
    """
    ends = np.searchsorted(peaks.frame, bounds)
    counts = np.diff(ends)
    middle = [_median(peaks.magnitude[a:b]) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    loud = np.flatnonzero(peaks.magnitude >= np.repeat(np.array(middle, np.float32), counts))
    segment = np.repeat(np.arange(len(counts)), counts)[loud]
    bar = np.searchsorted(_EDGES, peaks.deviation[loud], side="right") - 1
    histogram = np.bincount(segment * _BARS + bar, minlength=len(counts) * _BARS).reshape(-1, _BARS)
    return np.where(counts > 0, _EDGES[histogram.argmax(axis=1)], 0.0)


def _median(magnitude: Array) -> float:
    """`numpy.median` without its checks, which take longer than the work; 0 of no values."""
    n = len(magnitude)
    if n == 0:
        return 0.0
    ordered = np.partition(magnitude, ((n - 1) // 2, n // 2))
    return float((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)
