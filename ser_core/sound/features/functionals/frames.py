"""The frames of a segment: how many, which samples, where speech begins and ends, and how frames change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ser_core.sound.features.functionals.statistics import quantiles

Array = npt.NDArray[np.float32]

FRAMES_PER_S = 100
WINDOW_S = 0.025
MIN_FRAMES = 5
"""A shorter segment is followed by silence up to this."""
POWER_FLOOR = 1e-9
"""About the power of the rounding to 16 bits, in units of full scale squared: what is below counts as silence."""

_BELOW_PEAK_DB, _ABOVE_FLOOR = 30.0, 0.25
_KEPT_FRAMES = 3


def hop_of(sr: int) -> int:
    """Samples between frames, a hundredth of a second."""
    return round(sr / FRAMES_PER_S)


def framed(y: Array, length: int, hop: int, n_frames: int) -> Array:
    """A view of shape (n_frames, length): windows centred on the middles of hops, zeros beyond the ends of `y`."""
    left = (length - hop) // 2
    padded = np.zeros(max((n_frames - 1) * hop + length, left + len(y)), np.float32)
    padded[left : left + len(y)] = y
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:n_frames]


def speech_bounds(y: Array, sr: int) -> tuple[int, int]:
    """First and one past the last sample of speech in `y`, shape (samples,).

    Kept is what reaches from the first to the last frame within 30 dB of the level that 5 % of frames exceed, and
    clear of the noise by a quarter of the way from the level of 5 % of frames up to it, with 30 ms on both sides; all
    of it where fewer than three frames are.
    """
    hop = hop_of(sr)
    n = len(y) // hop
    if n < 4:
        return 0, len(y)
    hops = (y[: n * hop] - y.mean()).reshape(n, hop)
    level = 10 * np.log10(np.einsum("ij,ij->i", hops, hops) / hop + POWER_FLOOR)
    level = ndimage.uniform_filter1d(level, min(5, n), mode="nearest")
    floor, peak = quantiles(np.sort(level)[None], (0.05, 0.95))[:, 0]
    on = np.flatnonzero(level > max(peak - _BELOW_PEAK_DB, floor + _ABOVE_FLOOR * (peak - floor)))
    if len(on) < 3:
        return 0, len(y)
    return max(0, (int(on[0]) - _KEPT_FRAMES) * hop), min(len(y), (int(on[-1]) + _KEPT_FRAMES + 1) * hop)


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
