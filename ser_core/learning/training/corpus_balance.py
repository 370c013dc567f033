"""Weights of training rows: corpora by what they teach, emotions within a corpus alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ser_core.errors import TrainingError
from ser_core.learning.training.labelled_features import Floats, Texts

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def corpus_shares(corpus: Texts, weights: Mapping[str, float]) -> dict[str, float]:
    """The share of each corpus in `corpus` (n,), which sum to 1; a corpus that `weights` does not name weighs 1.

    Raises:
        TrainingError: a weight is not above 0.
    """
    given = {name: float(weights.get(name, 1.0)) for name in np.unique(corpus).tolist()}
    wrong = sorted(name for name, weight in given.items() if not 0 < weight < np.inf)
    if wrong:
        raise TrainingError(f"The weight of the corpora {', '.join(wrong)} is not above 0; leave them out instead")
    return {name: weight / sum(given.values()) for name, weight in given.items()}


def row_weights(corpus: Texts, y: Indices, shares: Mapping[str, float], balance_classes: bool) -> Doubles:
    """Weights (n,) of mean 1: each corpus has its share, and with `balance_classes` each class within it the same.

    Of one corpus these are scikit-learn's "balanced" weights. Shares of corpora without rows go to the others.
    """
    weight = np.empty(len(y))
    names, number = np.unique(corpus, return_inverse=True)
    total = sum(shares[name] for name in names.tolist())
    for index, name in enumerate(names.tolist()):
        rows = np.flatnonzero(number == index)
        share = len(y) * shares[name] / total
        classes, of_class, counts = np.unique(y[rows], return_inverse=True, return_counts=True)
        by_class = share / (len(classes) * counts) if balance_classes else np.full(len(classes), share / len(rows))
        weight[rows] = by_class[of_class]
    return weight


def class_means(Z: Floats, corpus: Texts, y: Indices, count: int, shares: Mapping[str, float]) -> Doubles:
    """Mean vector (count, d) of each class, y (n,), in `Z` (n, d): by corpus, then over the corpora by their shares.

    0 for a class without rows: nothing is expected of it.
    """
    means = np.zeros((count, Z.shape[1]))
    held = np.zeros(count)
    for name, share in shares.items():
        for number in np.unique(y[corpus == name]):
            means[number] += share * Z[(corpus == name) & (y == number)].mean(axis=0, dtype=np.float64)
            held[number] += share
    return means / np.where(held > 0, held, 1.0)[:, np.newaxis]
