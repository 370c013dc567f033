"""Functionals of `functionals-v2` beside those that both sets have.

But for trend and modulation, none depends on how long the segment is, save for what an estimate from fewer frames costs
in precision. A trend is the change over the whole segment. Modulation slower than the segment is long is not resolved.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.sound.features.functionals.movement import log_covariance_of, upper_triangle
from ser_core.sound.features.functionals.statistics import polynomials
from ser_core.sound.features.relative.active_frames import Mask, runs
from ser_core.sound.speech.bands import FRAMES_PER_S
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

RHYTHM = ("share", "rate", "mean", "longest")
UNITS = {
    **{f"mfcc{i:02d}": s for i, s in enumerate((31.0, 18, 14, 12, 9, 8, 7, 7), start=1)},
    "centroid": 0.7,
    "level": 7.0,
    "f0": 2.5,
    "hnr": 7.0,
}
"""The descriptors whose covariance is taken, each with a typical deviation: a unit of measure, not a statistic.
Those of the corpora at 16 kHz, medians over segments."""
DELTA_UNITS = (7.0, 4.2, 3, 2.7, 2.2, 2, 2, 1.7, 0.2, 2, 0.4, 1.9)
"""Typical deviations of their slopes a frame."""
TOGETHER = (*UNITS, *(f"{name}delta" for name in UNITS))
PAIRS_TOGETHER = np.triu_indices(len(TOGETHER))

_DEVIATIONS = np.array([*UNITS.values(), *DELTA_UNITS], np.float32)[:, None]
_FEWEST = 3
_FROM_S = 0.02


def trend(x: Array) -> Array:
    """Slope and curvature of each row of `x`, shape (descriptors, frames), over time from -1 to 1: (2, descriptors)."""
    return np.asarray(((x - x.mean(axis=1, keepdims=True)) @ polynomials(x.shape[1])).T)


def mean_and_deviation(x: Array) -> Array:
    """Mean and deviation of each row of `x`, shape (descriptors, frames): float32 (2, descriptors)."""
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    return np.stack([mean, np.sqrt(np.einsum("ij,ij->i", centred, centred) / np.float32(x.shape[1]))])


def size(x: Array) -> Array:
    """The first two functionals of `movement`: (2, descriptors)."""
    return np.stack([mean_and_deviation(x)[1], np.abs(x).mean(axis=1)])


def movement(x: Array) -> Array:
    """Deviation, mean absolute value, and the 5 % and 95 % quantiles of each row of `x`: (4, descriptors)."""
    return np.concatenate([size(x), quantiles(x, (0.05, 0.95))])


def together(x: Array, changes: Array) -> Array:
    """How descriptors and their slopes go together: entries of the logarithm of their covariance, shape (300,).

    `x` and `changes` have the shape (12, frames), in the order of `UNITS`. What a line adds to a descriptor in every
    frame is not in it.
    """
    return upper_triangle(log_covariance_of(np.concatenate([x, changes]), _DEVIATIONS), PAIRS_TOGETHER)


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
