"""Which frames of a segment are speech, and its pauses.

A segment holds short pauses. What is heard in them belongs to the line, so the functionals leave them out. Pauses are
features of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ser_core.sound.speech.bands import FRAMES_PER_S
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

LOUD_QUANTILE = 0.95
"""The loud level of a segment is this quantile of the levels of its frames."""
SHORTEST_PAUSE = 6
"""Frames. A shorter gap is the closure of a plosive and part of speech."""
FEWEST = 5
"""Active frames, at least; with fewer, all frames count."""
PAUSES = ("share", "rate", "mean", "longest")

_BELOW_LOUD_DB, _ABOVE_FLOOR, _SURELY_DB = 30.0, 0.25, 12.0
_SMOOTHING = 3
_FROM_S = 0.05


def active_frames(level_db: Array) -> Mask:
    """Frames of speech, shape (n,), by their levels in decibels, shape (n,).

    A frame is active within 12 dB of the loud level; within 30 dB where it is also above a quarter of the way from the
    5 % quantile of the levels, which is the noise, to the loud level. Gaps of less than 60 ms are filled.
    """
    level = ndimage.uniform_filter1d(level_db, min(_SMOOTHING, len(level_db)), mode="nearest")
    floor, loud = quantiles(level, (0.05, LOUD_QUANTILE))
    noisy = min(floor + _ABOVE_FLOOR * (loud - floor), loud - _SURELY_DB)
    active: Mask = level > max(loud - _BELOW_LOUD_DB, noisy)
    for start, end in runs(~active).tolist():
        if start > 0 and end < len(active) and end - start < SHORTEST_PAUSE:
            active[start:end] = True
    return active if np.count_nonzero(active) >= FEWEST else np.ones(len(active), np.bool_)


def runs(mask: Mask) -> npt.NDArray[np.intp]:
    """First frame, and one past the last, of each run of True in `mask`, shape (n,): shape (runs, 2)."""
    around = np.zeros(len(mask) + 2, np.bool_)
    around[1:-1] = mask
    return np.flatnonzero(around[1:] != around[:-1]).reshape(-1, 2)


def pauses(active: Mask) -> Array:
    """The features `PAUSES` of a segment, shape (4,).

    `share` of the time from the first to the last active frame; number a second of it; logs of the mean and of the
    longest in seconds, from 0.05 s, which is no pause.
    """
    first, last = np.flatnonzero(active)[[0, -1]]
    inside = active[first : last + 1]
    spans = runs(~inside)
    lengths = (spans[:, 1] - spans[:, 0]) / FRAMES_PER_S if len(spans) else np.zeros(1)
    seconds = len(inside) / FRAMES_PER_S
    logs = np.log(np.array([lengths.mean(), lengths.max()]) + _FROM_S)
    return np.array([lengths.sum() / seconds, len(spans) / seconds, *logs], np.float32)


def inner(kept: Mask) -> Mask:
    """Which of the frames `kept`, shape (n,), have two kept frames on both sides, shape (kept,).

    Their slopes reach over no gap. Beyond the ends of the segment there is no gap. All frames, where fewer than three
    are left.
    """
    around = kept.copy()
    for step in (1, 2):
        around[step:] &= kept[:-step]
        around[:-step] &= kept[step:]
    whole: Mask = around[kept]
    return whole if np.count_nonzero(whole) >= 3 else np.ones(len(whole), np.bool_)
