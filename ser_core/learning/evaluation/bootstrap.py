"""Bootstrap intervals over groups: the clips of a speaker, or the segments of a call, are not independent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Statistic = Callable[[Doubles], Doubles]
"""Sums of resamples (draws, ...) → what is computed of each, (draws, ...)."""

DRAWS = 2000
_AT_ONCE = 100  # resamples in memory together
_SEED = 0
_PERCENTILES = (2.5, 97.5)


def sums_by_group(
    group: npt.NDArray[np.generic], truth: npt.NDArray[np.intp], weights: Doubles, classes: int
) -> Doubles:
    """Sums (groups, k, classes) of `weights` (n, k) by `group` (n,) and true class `truth` (n,)."""
    names, number = np.unique(group, return_inverse=True)
    sums = np.zeros((len(names), classes, weights.shape[1]))
    np.add.at(sums, (number.reshape(-1), truth), weights)
    return sums.transpose(0, 2, 1)


def bootstrap_interval(sums: Doubles, statistic: Statistic) -> Doubles | None:
    """The 95 % percentile interval of a statistic of sums, by drawing groups with replacement `DRAWS` times.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13; drawing whole groups is Davison & Hinkley 1997,
    "Bootstrap Methods and their Application", ch. 3.8. The seed is fixed.

    Args:
        sums: (groups, ...) of each group.
        statistic: of the summed groups of each resample; NaN where it is not defined, which is left out.

    Returns:
        (2, ...), the lower and the upper end; None for fewer than two groups.
    """
    groups = len(sums)
    if groups < 2:
        return None
    rng = np.random.default_rng(_SEED)
    even = np.full(groups, 1 / groups)
    values = [
        statistic(np.tensordot(rng.multinomial(groups, even, size=_AT_ONCE).astype(np.float64), sums, axes=1))
        for _ in range(DRAWS // _AT_ONCE)
    ]
    return np.asarray(np.nanpercentile(np.concatenate(values), _PERCENTILES, axis=0))
