"""Two models on the same speech: agreement, shift of the shares, and, on labelled speech, the difference in recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.learning.evaluation.bootstrap import bootstrap_interval, sums_by_group
from ser_core.learning.training.metrics import population_stability_index, recall, unweighted_average_recall

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MIN_SHARE = 1e-4
"""A smaller share counts as this in the stability index, which would be infinite for an empty class."""


@dataclass(frozen=True)
class Agreement:
    """On the `decided_s` seconds that both models decided on: the `share` with equal decisions, and Cohen's `kappa`.

    `share` is None without such speech; `kappa` is None also where both models always decide for one same class.
    """

    decided_s: float
    share: float | None
    kappa: float | None


@dataclass(frozen=True)
class Shift:
    """Shares of decided speech by class, of model a and model b, and the population stability index `psi`.

    None where a model decided on nothing.
    """

    a: tuple[float, ...] | None
    b: tuple[float, ...] | None
    psi: float | None


@dataclass(frozen=True)
class Gain:
    """A recall of model a and of model b on `speech_s` seconds of labelled speech, and `difference`, b - a.

    `ci95` is the 95 % interval of the difference; None for fewer than two calls.
    """

    speech_s: float
    a: float
    b: float
    difference: float
    ci95: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class Gains:
    """Over `calls` calls: `recall` by class, None for a class without labelled speech, and their mean, `uar`."""

    calls: int
    uar: Gain
    recall: tuple[Gain | None, ...]


def agreement(seconds: Doubles) -> Agreement:
    """Agreement of two models; `seconds` (k, k) of speech, by the class of model a (row) and of model b (column).

    Kappa is (p_o - p_e) / (1 - p_e) (Cohen 1960, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20, 37-46), over seconds instead of units: segments differ in length.
    """
    total = float(seconds.sum())
    if total <= 0:
        return Agreement(0.0, None, None)
    observed = float(np.trace(seconds)) / total
    expected = float(seconds.sum(axis=1) @ seconds.sum(axis=0)) / total**2
    return Agreement(total, observed, (observed - expected) / (1 - expected) if expected < 1 else None)


def shift(a: Doubles, b: Doubles) -> Shift:
    """The shift between two models, from the seconds of speech (k,) that each assigns to each class."""
    shares_a, shares_b = (tuple((of / of.sum()).tolist()) if of.sum() > 0 else None for of in (a, b))
    if shares_a is None or shares_b is None:
        return Shift(shares_a, shares_b, None)
    before, now = (np.maximum(shares, MIN_SHARE) for shares in (shares_a, shares_b))
    return Shift(shares_a, shares_b, population_stability_index(before / before.sum(), now / now.sum()))


def gains(call: Indices, truth: Indices, seconds: Doubles, right: npt.NDArray[np.bool_], classes: int) -> Gains:
    """Recalls of both models on labelled speech, weighted by duration; intervals are a bootstrap over calls.

    Args:
        call: (n,) equal values are of one call.
        truth: (n,) class of each piece of speech, 0 to `classes` - 1.
        seconds: (n,) its duration.
        right: (n, 2) whether model a, and whether model b, predicts that class.
        classes: their number.

    Raises:
        ValueError: there is no labelled speech.
    """
    if not len(call) or seconds.sum() <= 0:
        raise ValueError("there is no labelled speech to compare on")
    weights = np.column_stack([seconds, seconds[:, np.newaxis] * right])
    sums = sums_by_group(call, truth, weights, classes)
    support = sums.sum(axis=0)[0]
    labelled = np.flatnonzero(support > 0)
    a, b = _recalls_and_uar(sums.sum(axis=0)[:, labelled])
    intervals = bootstrap_interval(sums[:, :, labelled], _differences)

    def gain(column: int, speech_s: float) -> Gain:
        ci95 = None if intervals is None else (float(intervals[0, column]), float(intervals[1, column]))
        return Gain(speech_s, float(a[column]), float(b[column]), float(b[column] - a[column]), ci95)

    by_class: list[Gain | None] = [None] * classes
    for column, index in enumerate(labelled.tolist()):
        by_class[index] = gain(column, float(support[index]))
    return Gains(len(sums), gain(-1, float(support.sum())), tuple(by_class))


def _differences(sums: Doubles) -> Doubles:
    """Model b's recalls and UAR less model a's, (draws, classes + 1), from `sums` (draws, 3, classes)."""
    values = _recalls_and_uar(sums)
    return np.asarray(values[:, 1] - values[:, 0])


def _recalls_and_uar(sums: Doubles) -> Doubles:
    """Seconds (..., 3, classes): all, right by a, right by b → both models' recalls and, last, their UAR,
    (..., 2, classes + 1)."""
    support, right = sums[..., :1, :], sums[..., 1:, :]
    uar = unweighted_average_recall(right, support)
    return np.concatenate([recall(right, support), uar[..., np.newaxis]], axis=-1)


def matrix(pairs: Sequence[tuple[str | None, str | None, float]], names: Sequence[str | None]) -> Doubles:
    """Seconds of (of a, of b, seconds) as (k, k), rows and columns in the order of `names`."""
    index = {name: i for i, name in enumerate(names)}
    sums = np.zeros((len(names), len(names)))
    for a, b, seconds in pairs:
        sums[index[a], index[b]] += seconds
    return sums
