"""Functionals of `functionals-v2` beside those that both sets have.

None depends on how long the segment is, save for what an estimate from fewer frames costs in precision, for the longest
voiced stretch and the longest pause, and for the modulation of a course that recurs exactly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.sound.features.relative.active_frames import Mask, runs
from ser_core.sound.speech.bands import FRAMES_PER_S
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

RHYTHM = ("share", "rate", "mean", "longest")
DISTRIBUTION = ("mean", "std", "skewness", "p05", "p25", "p50", "p75", "p95", "range", "iqr")

_VARIANCE_FLOOR = np.float32(1e-6)
"""A deviation below a thousandth of a descriptor's unit is rounding, whose shape means nothing."""
_FEWEST = 3
_FROM_S = 0.02


def distribution(x: Array) -> Array:
    """The functionals `DISTRIBUTION` of each row of `x`, shape (descriptors, frames): float32 (10, descriptors).

    Skewness is that of the standardised values, 0 where a row is constant. `range` and `iqr` are the distances of the
    outer and of the inner quantiles. What moves with the time from the start is in none of them.
    """
    out = np.empty((len(DISTRIBUTION), len(x)), np.float32)
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    squared = centred * centred
    variance = squared.mean(axis=1)
    out[0], out[1] = mean, np.sqrt(variance)
    out[2] = np.einsum("ij,ij->i", squared, centred) / x.shape[1] / (variance + _VARIANCE_FLOOR) ** np.float32(1.5)
    out[3:8] = quantiles(x, (0.05, 0.25, 0.5, 0.75, 0.95))
    out[8], out[9] = out[7] - out[3], out[6] - out[4]
    return out


def deviation(x: Array) -> Array:
    """Deviation of each row of `x`, shape (descriptors, frames): float32 (1, descriptors)."""
    centred = x - x.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred) / np.float32(x.shape[1])
    return np.asarray(np.sqrt(variance), np.float32)[np.newaxis]


def size(x: Array) -> Array:
    """The first two functionals of `movement`: (2, descriptors)."""
    return np.concatenate([deviation(x), np.abs(x).mean(axis=1)[np.newaxis]])


def movement(x: Array) -> Array:
    """Deviation, mean absolute value, and the 5 % and 95 % quantiles of each row of `x`: (4, descriptors)."""
    return np.concatenate([size(x), quantiles(x, (0.05, 0.95))])


def against_mean(x: Array, level: Array) -> Array:
    """How the louder and the quieter third of the frames differ from all: means of `x`, shape (descriptors, frames), by
    `level`, shape (frames,). Returns float32 (2, descriptors). What a line adds to every frame is in neither."""
    third = max(_FEWEST, len(level) // 3)
    order = np.argsort(level, kind="stable")
    weights = np.full((len(level), 2), -1 / len(level), np.float32)
    weights[order[-third:], 0] += np.float32(1 / third)
    weights[order[:third], 1] += np.float32(1 / third)
    return np.asarray((x @ weights).T)


def rhythm(voiced: Mask, active: Mask) -> Array:
    """The features `RHYTHM` of a segment by its `voiced` and its `active` frames, each of shape (frames,): shape (4,).

    `share` of active frames that are voiced; voiced stretches a second of them; logs of the mean stretch and of the
    longest in seconds.
    """
    spans = runs(voiced)
    lengths = (spans[:, 1] - spans[:, 0]) / FRAMES_PER_S
    seconds = active.sum() / FRAMES_PER_S
    logs = np.log(np.array([lengths.mean(), lengths.max()]) + _FROM_S)
    return np.array([lengths.sum() / seconds, len(spans) / seconds, *logs], np.float32)
