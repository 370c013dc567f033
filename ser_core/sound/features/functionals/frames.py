"""The frames of a segment: how many, which samples, where speech begins and ends, and how frames change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ser_core.sound.speech.bands import hop_length
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

WINDOW_S = 0.025
MIN_FRAMES = 5
"""A shorter segment is padded with silence."""
POWER_FLOOR = 1e-9
"""About the power of the rounding to 16 bits, in units of full scale squared. Weaker signals count as silence."""

_BELOW_PEAK_DB, _ABOVE_FLOOR = 30.0, 0.25
_KEPT_FRAMES = 3


def framed(y: Array, length: int, hop: int, n_frames: int) -> Array:
    """A view of shape (n_frames, length): windows centred on the middles of hops, zeros beyond the ends of `y`."""
    left = (length - hop) // 2
    padded = np.zeros(max((n_frames - 1) * hop + length, left + len(y)), np.float32)
    padded[left : left + len(y)] = y
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:n_frames]


def speech_bounds(y: Array, sr: int) -> tuple[int, int]:
    """First and one past the last sample of speech in `y`, shape (samples,).

    Speech reaches from the first to the last loud frame, with 30 ms on both sides. A loud frame is within 30 dB of the
    95 % quantile of frame levels and above a quarter of the way from the 5 % quantile to it. With fewer than three loud
    frames all of `y` counts as speech.
    """
    hop = hop_length(sr)
    n = len(y) // hop
    if n < 4:
        return 0, len(y)
    hops = (y[: n * hop] - y.mean()).reshape(n, hop)
    level = 10 * np.log10(np.einsum("ij,ij->i", hops, hops) / hop + POWER_FLOOR)
    level = ndimage.uniform_filter1d(level, min(5, n), mode="nearest")
    floor, peak = quantiles(level, (0.05, 0.95))
    loud = np.flatnonzero(level > max(peak - _BELOW_PEAK_DB, floor + _ABOVE_FLOOR * (peak - floor)))
    if len(loud) < 3:
        return 0, len(y)
    return max(0, (int(loud[0]) - _KEPT_FRAMES) * hop), min(len(y), (int(loud[-1]) + _KEPT_FRAMES + 1) * hop)


def delta(x: Array) -> Array:
    """Slope of each row of `x`, shape (descriptors, frames), over five frames, in units a frame; ends repeated.

    The regression formula of the HTK Book (Young et al. 2006, eq. 5.16) with a window of 2.
    """
    n = x.shape[1]
    padded = np.empty((len(x), n + 4), np.float32)
    padded[:, 2:-2] = x
    padded[:, :2], padded[:, -2:] = x[:, :1], x[:, -1:]
    near = padded[:, 3 : n + 3] - padded[:, 1 : n + 1]
    far = padded[:, 4:] - padded[:, :n]
    far += far
    far += near
    far *= np.float32(0.1)
    return far


def smoothed(x: Array) -> Array:
    """Mean of each value of `x`, shape (frames,), and its two neighbours; the ends are repeated."""
    return np.asarray(ndimage.uniform_filter1d(x, 3, mode="nearest"), np.float32)
