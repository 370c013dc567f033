"""Two models on the same speech: how far they agree, what shifts, and which is right where people have listened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

LEAST_SHARE = 1e-4
"""A smaller share counts as this in the stability index, which would be infinite where a class is gone."""
RESAMPLES = 2000
_AT_ONCE = 100  # resamples held in memory together


@dataclass(frozen=True)
class Agreement:
    """Of speech that both models decided on: `decided_s` seconds of it, the `share` on which they decide alike, and
    Cohen's `kappa`; None where there is none, `kappa` also where both only ever name one and the same class."""

    decided_s: float
    share: float | None
    kappa: float | None


@dataclass(frozen=True)
class Shift:
    """Shares of decided speech by class, of model a and model b, and the population stability index `psi`; None where
    one of them decided on nothing."""

    a: tuple[float, ...] | None
    b: tuple[float, ...] | None
    psi: float | None


@dataclass(frozen=True)
class Gain:
    """A recall of model a and model b, `difference` b - a, and its 95 % interval `ci95`; None where there are fewer
    than two calls. `speech_s` is how much labelled speech it is of, in seconds."""

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
    """Over `calls` calls: `recall` by class, None where no speech is labelled so, and their mean `uar`."""

    calls: int
    uar: Gain
    recall: tuple[Gain | None, ...]


def agreement(seconds: Doubles) -> Agreement:
    """Of `seconds` (k, k): speech that model a gives the class of the row, and model b that of the column.

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
    """From the seconds of speech (k,) that each model gives each class.

    The population stability index is sum((b - a) ln(b / a)) over shares (Siddiqi 2006, "Credit risk scorecards", Wiley,
    who reads below 0.1 as no change and above 0.25 as a large one), which is Jeffreys' divergence (Jeffreys 1946).
    """
    of_a, of_b = (tuple((of / of.sum()).tolist()) if of.sum() > 0 else None for of in (a, b))
    if of_a is None or of_b is None:
        return Shift(of_a, of_b, None)
    left, right = (np.maximum(of, LEAST_SHARE) for of in (of_a, of_b))
    left, right = left / left.sum(), right / right.sum()
    return Shift(of_a, of_b, float(((right - left) * np.log(right / left)).sum()))


def gains(call: Indices, truth: Indices, seconds: Doubles, right: npt.NDArray[np.bool_], classes: int) -> Gains:
    """Recalls of both models on labelled speech, by duration.

    The intervals are percentiles of `RESAMPLES` bootstrap samples of calls (Davison & Hinkley 1997, "Bootstrap methods
    and their application", chapter 3.8), always the same ones: segments of one call are not independent.

    Args:
        call: (n,) whose values are equal in one call.
        truth: (n,) class of each piece of speech, 0 to `classes` - 1.
        seconds: (n,) its duration.
        right: (n, 2) whether model a, and whether model b, names it so.
        classes: how many there are.

    Raises:
        ValueError: there is no labelled speech.
    """
    if not len(call) or seconds.sum() <= 0:
        raise ValueError("there is no labelled speech to compare on")
    names, place = np.unique(call, return_inverse=True)
    sums = np.zeros((3, len(names), classes))  # of all, right by a, right by b
    for row, counted in zip(sums, (seconds, *(seconds[:, np.newaxis] * right).T), strict=True):
        np.add.at(row, (place, truth), counted)
    whole = sums.sum(axis=1)
    found = _recalls(whole[np.newaxis])[0]
    drawn = _resampled(sums) if len(names) > 1 else None

    def gain(of: int, speech_s: float) -> Gain:
        a, b = (float(value) for value in found[:, of])
        differences = None if drawn is None else drawn[:, 1, of] - drawn[:, 0, of]
        return Gain(speech_s, a, b, b - a, None if differences is None else _interval(differences))

    recall = tuple(gain(of, float(said)) if said > 0 else None for of, said in enumerate(whole[0]))
    return Gains(len(names), gain(classes, float(whole[0].sum())), recall)


def _resampled(sums: Doubles) -> Doubles:
    """Recalls of bootstrap samples of calls, (resamples, 2, classes + 1), from `sums` (3, calls, classes)."""
    rng = np.random.default_rng(0)
    calls = sums.shape[1]
    even = np.full(calls, 1 / calls)
    parts = [
        _recalls(np.einsum("rc,kcm->rkm", rng.multinomial(calls, even, size=_AT_ONCE), sums, optimize=True))
        for _ in range(RESAMPLES // _AT_ONCE)
    ]
    return np.concatenate(parts)


def _recalls(sums: Doubles) -> Doubles:
    """(r, 3, classes) seconds → (r, 2, classes + 1): both models' recalls and last their mean; NaN of no speech."""
    whole, right = sums[:, :1], sums[:, 1:]
    recall = np.divide(right, whole, out=np.full(right.shape, np.nan), where=whole > 0)
    return np.concatenate([recall, np.nanmean(recall, axis=2, keepdims=True)], axis=2)


def _interval(differences: Doubles) -> tuple[float, float]:
    low, high = np.nanpercentile(differences, [2.5, 97.5]).tolist()
    return low, high


def matrix(pairs: Sequence[tuple[str | None, str | None, float]], names: Sequence[str | None]) -> Doubles:
    """Seconds of (of a, of b, seconds) as (k, k), rows and columns in the order of `names`."""
    place = {name: i for i, name in enumerate(names)}
    found = np.zeros((len(names), len(names)))
    for a, b, seconds in pairs:
        found[place[a], place[b]] += seconds
    return found
