"""Drift of the scores of one date from those of earlier dates. Array in, array out.

Two distributions are compared by the population stability index (PSI) of `ser_core.learning.training.metrics`. For few
calls, chance alone makes it large. Yurdakul & Naranjo 2020 ("Statistical properties of the population stability index",
J. Risk Model Validation 14(4)) give its distribution; `psi_by_chance` is its upper bound.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from ser_core.learning.training.metrics import population_stability_index

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]

EDGES: npt.NDArray[np.float64] = np.sinh(np.linspace(-6.0, 6.0, 61))
"""Edges of a feature's bins in deviations of the training population, (61,): 0.2 wide at its mean, wider outwards."""

BINS = len(EDGES) + 1
_MIDDLE = np.sinh(np.linspace(-6.1, 6.1, BINS))
_GROUPS = 10
_QUANTILE = 0.999
_DEVIATIONS = 3.0  # a count that deviates further is not chance


def psi_of_counts(before: Counts, now: Counts) -> float:
    """Population stability index of two histograms of the same bins, (k,) each; 0 where they have the same shares.

    Half a count is added to each bin (Jeffreys' prior), so that an empty bin does not make it infinite.
    """
    return population_stability_index(_smoothed_shares(before), _smoothed_shares(now))


def _smoothed_shares(counts: Counts) -> npt.NDArray[np.float64]:
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)), dtype=np.float64)


def psi_by_chance(bins: int, before: int, now: int) -> float:
    """The 99.9th percentile of the PSI of two samples of the same distribution.

    Args:
        bins: of the histograms.
        before: independent observations in the first sample: calls, not segments.
        now: the same in the second sample.
    """
    if bins < 2 or not before or not now:
        return math.inf
    return float(chdtri(bins - 1, 1 - _QUANTILE)) * (1 / before + 1 / now)


def in_groups(before: Counts, now: Counts) -> tuple[Counts, Counts]:
    """Two fine histograms (k,) summed over groups of neighbouring bins: about ten, with equal counts of the first."""
    total = max(1, int(before.sum()))
    share = (np.cumsum(before) - before / 2) / total  # counts before the middle of each bin
    _, group = np.unique(np.minimum((share * _GROUPS).astype(np.intp), _GROUPS - 1), return_inverse=True)
    return _summed(before, group), _summed(now, group)


def _summed(counts: Counts, group: npt.NDArray[np.intp]) -> Counts:
    return np.bincount(group, weights=counts).astype(np.int64)


def feature_places(dimension: int, wanted: int) -> npt.NDArray[np.intp]:
    """Indices of at most `wanted` features, spread evenly over a vector of `dimension`; always the same."""
    return np.unique(np.linspace(0, dimension - 1, min(wanted, dimension)).round().astype(np.intp))


def feature_bins(X: Floats, mean: Floats, deviation: Floats) -> npt.NDArray[np.uint8]:
    """The bin of every value of `X` (n, d), by `EDGES` around the population's `mean` (d,) and `deviation` (d,)."""
    return np.searchsorted(EDGES, (X - mean) / deviation).astype(np.uint8)


def feature_histograms(bins: npt.NDArray[np.uint8]) -> Counts:
    """Counts of each bin by feature, (d, BINS), of `bins` (n, d)."""
    d = bins.shape[1]
    flat = bins.astype(np.intp) + BINS * np.arange(d)
    return np.bincount(flat.ravel(), minlength=d * BINS).reshape(d, BINS).astype(np.int64)


def distance_to_training(histograms: Counts) -> float | None:
    """Median over features of |mean - training mean| in training deviations; `histograms` are (d, BINS).

    None without features, or where a feature has no values.
    """
    totals = histograms.sum(axis=-1)
    if not histograms.size or not totals.all():
        return None
    return float(np.median(np.abs(histograms @ _MIDDLE / totals)))


def share_at_least(count: int, total: int) -> float:
    """Lower bound of the share `count` / `total`: Wilson's score interval (1927) at three deviations."""
    if not total:
        return 0.0
    z2 = _DEVIATIONS**2
    p = count / total
    spread = _DEVIATIONS * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return max(0.0, (p + z2 / (2 * total) - spread) / (1 + z2 / total))


def difference_at_least(count: int, total: int, other: int, other_total: int) -> float:
    """Lower bound of the difference, 0 or more, between two shares: three deviations of binomial counts."""
    if not total or not other_total:
        return 0.0
    p, q = count / total, other / other_total
    return max(0.0, abs(p - q) - _DEVIATIONS * math.sqrt(p * (1 - p) / total + q * (1 - q) / other_total))


def factor_at_least(before: float, now: float) -> float:
    """Lower bound of the factor, 1 or more, between two counts: three deviations of the log of Poisson counts."""
    a, b = before + 0.5, now + 0.5
    beyond = abs(math.log(b / a)) - _DEVIATIONS * math.sqrt(1 / a + 1 / b)
    return math.exp(max(0.0, beyond))


def mean_by_chance(span: float, before: int, now: int) -> float:
    """How far the means of two samples of the same distribution may lie apart: three deviations.

    Args:
        span: from the smallest possible value to the largest; a deviation is at most half of it (Popoviciu 1935).
        before: independent observations in the first sample: calls, not segments.
        now: the same in the second sample.
    """
    if not before or not now:
        return math.inf
    return _DEVIATIONS * span / 2 * math.sqrt(1 / before + 1 / now)
