"""How good posteriors are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]
Posteriors = npt.NDArray[np.floating[Any]]

CALIBRATION_BINS = 15
"""As in Guo et al. 2017."""


class ReliabilityBin(NamedTuple):
    """Decisions whose confidence is in (`low`, `high`]: how many, how confident and how often right on average."""

    low: float
    high: float
    decisions: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Metrics:
    """Of decisions against the truth.

    `uar` is the unweighted average recall: the mean of `recall` over the classes that occur (Schuller et al. 2009, the
    INTERSPEECH emotion challenge). `recall` of a class that does not occur is None. `confusion[i][j]` counts decisions
    for class j where the truth is i. `ece` is the expected calibration error, `reliability` its bins that are not empty
    (Guo et al. 2017, "On calibration of modern neural networks").
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
        ValueError: nothing to measure, or shapes that do not fit.
    """
    if not len(truth) or posteriors.shape != (len(truth), len(classes)):
        raise ValueError(f"{len(truth)} truths, posteriors {posteriors.shape}, {len(classes)} classes do not fit")
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415 - slow to load, and hearing a file does not need it

    decision = posteriors.argmax(axis=1)
    confusion = confusion_matrix(truth, decision, labels=range(len(classes)))
    support = confusion.sum(axis=1)
    recalls = [int(confusion[i, i]) / int(n) if n else None for i, n in enumerate(support)]
    bins = reliability_bins(posteriors.max(axis=1), decision == truth)
    return Metrics(
        decisions=len(truth),
        uar=float(np.mean([recall for recall in recalls if recall is not None])),
        accuracy=float(np.mean(decision == truth)),
        recall=dict(zip(classes, recalls, strict=True)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        ece=sum(bin_.decisions * abs(bin_.accuracy - bin_.confidence) for bin_ in bins) / len(truth),
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
