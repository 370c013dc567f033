"""Confidence intervals by drawing speakers anew: clips of one speaker are no independent sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Confusions = npt.NDArray[np.float64]
Figure = Callable[[Confusions], npt.NDArray[np.float64]]

DRAWS = 2000
_SEED = 0
_LEVEL = 0.95


def uar(confusion: Confusions) -> npt.NDArray[np.float64]:
    """Unweighted average recall (...,) of confusion matrices (..., classes, classes), of the classes that occur."""
    support = confusion.sum(axis=-1)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    recall = np.divide(right, support, out=np.zeros_like(right), where=support > 0)
    mean: npt.NDArray[np.float64] = recall.sum(axis=-1) / np.maximum((support > 0).sum(axis=-1), 1)
    return mean


def accuracy(confusion: Confusions) -> npt.NDArray[np.float64]:
    """Share of right decisions (...,) of confusion matrices (..., classes, classes)."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).sum(axis=-1)
    share: npt.NDArray[np.float64] = right / np.maximum(confusion.sum(axis=(-2, -1)), 1)
    return share


def interval(
    truth: npt.NDArray[np.intp],
    decision: npt.NDArray[np.intp],
    speaker: npt.NDArray[np.str_],
    classes: int,
    figure: Figure,
) -> tuple[float, float] | None:
    """The 95 % percentile interval (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13) of `figure`
    of decisions (n,), speakers being drawn with replacement, `DRAWS` times, by a fixed seed; None of one speaker."""
    names, number = np.unique(speaker, return_inverse=True)
    if len(names) < 2:
        return None
    by_speaker = np.zeros((len(names), classes, classes))
    np.add.at(by_speaker, (number.reshape(-1), truth, decision), 1.0)
    rng = np.random.default_rng(_SEED)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    found = figure(np.tensordot(drawn.astype(np.float64), by_speaker, axes=1))
    low, high = np.quantile(found, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)
