"""Metrics of predictions: recall, UAR, accuracy, calibration error and population stability index.

Each is computed here and nowhere else: training, the benchmarks, model comparison, drift and pictures call these
functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]
Posteriors = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]

CALIBRATION_BINS = 15
"""As in Guo et al. 2017."""


def recall(right: npt.ArrayLike, support: npt.ArrayLike) -> Doubles:
    """Recall (..., classes): the share of each class that is predicted as that class; NaN of a class without support.

    Args:
        right: (..., classes) correct decisions of each true class, as a count or in seconds.
        support: (..., classes) all decisions of each true class, in the same unit.
    """
    hits, total = np.asarray(right, dtype=np.float64), np.asarray(support, dtype=np.float64)
    total = np.broadcast_to(total, hits.shape)
    return _ratio(hits, total)


def unweighted_average_recall(right: npt.ArrayLike, support: npt.ArrayLike) -> Doubles:
    """Unweighted average recall, UAR (...,): the mean of `recall` over the classes that occur; NaN where none does.

    Schuller, Steidl & Batliner 2009, "The INTERSPEECH 2009 emotion challenge", Interspeech, 312-315. For counts it is
    scikit-learn's `balanced_accuracy_score`, which takes no sums and no batches.
    """
    values = recall(right, support)
    occurs = ~np.isnan(values)
    return _ratio(np.where(occurs, values, 0.0).sum(axis=-1), occurs.sum(axis=-1))


def accuracy(right: npt.ArrayLike, support: npt.ArrayLike) -> Doubles:
    """Share of correct decisions (...,); arguments as in `recall`. NaN where there are no decisions."""
    hits, total = (np.asarray(sums, dtype=np.float64).sum(axis=-1) for sums in (right, support))
    return _ratio(hits, total)


def _ratio(part: Any, whole: Any) -> Doubles:
    """`part` / `whole`, NaN where `whole` is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0))


def expected_calibration_error(confidence: npt.ArrayLike, correct: npt.ArrayLike, decisions: npt.ArrayLike) -> float:
    """Expected calibration error, ECE (Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks",
    ICML, 1321-1330); NaN where there are no decisions.

    Args:
        confidence: (bins,) mean confidence of each bin.
        correct: (bins,) share of correct decisions of each bin.
        decisions: (bins,) number of decisions in each bin, the weights.
    """
    weights = np.asarray(decisions, dtype=np.float64)
    if not weights.sum():
        return float("nan")
    return float(np.average(np.abs(np.asarray(correct) - np.asarray(confidence)), weights=weights))


def population_stability_index(before: Doubles, now: Doubles) -> float:
    """Population stability index, PSI: Σ (now - before) ln(now / before) over shares (k,), each above 0.

    Siddiqi 2006, "Credit risk scorecards", Wiley, ch. 8, who reads below 0.1 as little change and above 0.25 as much.
    It is the symmetric Kullback-Leibler divergence (Jeffreys 1946).
    """
    return float(np.sum((now - before) * np.log(now / before)))


class ReliabilityBin(NamedTuple):
    """Decisions with a confidence in (`low`, `high`]: their number, mean `confidence` and `accuracy`."""

    low: float
    high: float
    decisions: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Metrics:
    """Metrics of decisions against the truth.

    `recall` is None for a class that does not occur. `confusion[i][j]` counts decisions for class j where the truth is
    i. `reliability` holds the bins that are not empty.
    """

    decisions: int
    uar: float
    accuracy: float
    recall: Mapping[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    reliability: tuple[ReliabilityBin, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {**asdict(self), "reliability": [bin_._asdict() for bin_ in self.reliability]}


def measure(truth: Indices, posteriors: Posteriors, classes: Sequence[str]) -> Metrics:
    """The metrics of `posteriors` (n, classes) against the class indices `truth` (n,); the decision is the largest.

    Raises:
        ValueError: there are no decisions, or shapes do not fit.
    """
    if not len(truth) or posteriors.shape != (len(truth), len(classes)):
        raise ValueError(f"{len(truth)} truths, posteriors {posteriors.shape}, {len(classes)} classes do not fit")
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415 - slow to load, and predicting does not need it

    decision = posteriors.argmax(axis=1)
    confusion = confusion_matrix(truth, decision, labels=range(len(classes)))
    right, support = np.diagonal(confusion), confusion.sum(axis=1)
    recalls = [float(value) if n else None for value, n in zip(recall(right, support), support, strict=True)]
    bins = reliability_bins(posteriors.max(axis=1), decision == truth)
    _, _, counts, confidence, correct = zip(*bins, strict=True)
    return Metrics(
        decisions=len(truth),
        uar=float(unweighted_average_recall(right, support)),
        accuracy=float(accuracy(right, support)),
        recall=dict(zip(classes, recalls, strict=True)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        ece=expected_calibration_error(confidence, correct, counts),
        reliability=bins,
    )


def reliability_bins(confidence: Posteriors, right: npt.NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """`CALIBRATION_BINS` bins of equal width over (0, 1] of `confidence` (n,), without the empty ones."""
    number = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    return tuple(
        ReliabilityBin(
            low=i / CALIBRATION_BINS,
            high=(i + 1) / CALIBRATION_BINS,
            decisions=int(np.count_nonzero(number == i)),
            confidence=float(np.mean(confidence[number == i], dtype=np.float64)),
            accuracy=float(np.mean(right[number == i])),
        )
        for i in np.unique(number).tolist()
    )
