"""How far the scores of one date lie from those of the dates before it. Array in, array out.

Two distributions are compared by the population stability index (PSI), the symmetric Kullback-Leibler divergence of
their shares (Siddiqi 2006, "Credit Risk Scorecards", ch. 8: below 0.1 little, above 0.25 much has changed). Of few
calls, chance alone makes it large: Yurdakul & Naranjo 2020 ("Statistical properties of the population stability
index", J. Risk Model Validation 14(4)) give its distribution, and what chance may do is allowed for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]

EDGES: npt.NDArray[np.float64] = np.sinh(np.linspace(-6.0, 6.0, 61))
"""Edges of a feature's bins in deviations of the training population, (61,): 0.2 wide at its mean, wider outwards."""

BINS = len(EDGES) + 1
_MIDDLE = np.sinh(np.linspace(-6.1, 6.1, BINS))
_GROUPS = 10
_QUANTILE = 0.999
_DEVIATIONS = 3.0  # of a count, beyond which it is not chance


def psi(before: Counts, now: Counts) -> float:
    """Population stability index of two histograms of the same bins, (k,) each; 0 where they have the same shares.

    Half a count is added to each bin (Jeffreys' prior), so that an empty one does not make it infinite.
    """
    expected = (before + 0.5) / (before.sum() + 0.5 * len(before))
    found = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return float(np.sum((found - expected) * np.log(found / expected)))


def psi_by_chance(bins: int, before: int, now: int) -> float:
    """What the PSI of two samples of the same distribution stays below 999 times out of 1000.

    Args:
        bins: of the histograms.
        before: independent observations in the one, calls rather than segments.
        now: and in the other.
    """
    if bins < 2 or not before or not now:
        return math.inf
    return float(chi2.ppf(_QUANTILE, bins - 1)) * (1 / before + 1 / now)


def in_groups(before: Counts, now: Counts) -> tuple[Counts, Counts]:
    """Two fine histograms, (k,), in the about ten groups of neighbouring bins that split the first one evenly."""
    total = max(1, int(before.sum()))
    share = (np.cumsum(before) - before / 2) / total  # of what lies before the middle of each bin
    _, group = np.unique(np.minimum((share * _GROUPS).astype(np.intp), _GROUPS - 1), return_inverse=True)
    return _summed(before, group), _summed(now, group)


def _summed(counts: Counts, group: npt.NDArray[np.intp]) -> Counts:
    return np.bincount(group, weights=counts).astype(np.int64)


def feature_places(dimension: int, wanted: int) -> npt.NDArray[np.intp]:
    """Indices of at most `wanted` features, spread evenly over a vector of `dimension`: always the same ones."""
    return np.unique(np.linspace(0, dimension - 1, min(wanted, dimension)).round().astype(np.intp))


def feature_bins(X: Floats, mean: Floats, deviation: Floats) -> npt.NDArray[np.uint8]:
    """The bin of every value of `X` (n, d), by `EDGES` around the population's `mean` (d,) and `deviation` (d,)."""
    return np.searchsorted(EDGES, (X - mean) / deviation).astype(np.uint8)


def feature_histograms(bins: npt.NDArray[np.uint8]) -> Counts:
    """How often each bin occurs, (d, BINS), of `bins` (n, d)."""
    d = bins.shape[1]
    flat = bins.astype(np.intp) + BINS * np.arange(d)
    return np.bincount(flat.ravel(), minlength=d * BINS).reshape(d, BINS).astype(np.int64)


def distance_to_training(histograms: Counts) -> float | None:
    """Median over features of |mean - training mean| in training deviations; `histograms` are (d, BINS).

    None where there is nothing to tell it from.
    """
    totals = histograms.sum(axis=-1)
    if not histograms.size or not totals.all():
        return None
    return float(np.median(np.abs(histograms @ _MIDDLE / totals)))


def share_at_least(count: int, total: int) -> float:
    """The share that `count` of `total` shows beyond chance: the lower bound of Wilson 1927, at three deviations."""
    if not total:
        return 0.0
    z2 = _DEVIATIONS**2
    p = count / total
    spread = _DEVIATIONS * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return max(0.0, (p + z2 / (2 * total) - spread) / (1 + z2 / total))


def factor_at_least(before: float, now: float) -> float:
    """By which factor, 1 or more, two counts differ beyond chance (three deviations of the log of Poisson counts)."""
    a, b = before + 0.5, now + 0.5
    beyond = abs(math.log(b / a)) - _DEVIATIONS * math.sqrt(1 / a + 1 / b)
    return math.exp(max(0.0, beyond))
