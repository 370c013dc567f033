"""Classifiers for other toolkits' features in the evaluation on strangers, tuned for each on its training corpora."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ser_core.learning.training.corpus_balance import corpus_shares, row_weights
from ser_core.learning.training.fitted_model import Scores
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, Texts, class_index
from ser_core.learning.training.metrics import unweighted_average_recall
from ser_core.learning.training.population import Population
from ser_core.learning.training.splits import Split, speaker_folds

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse strengths of the L2 penalty that are tried; vectors have a length of about 1, whatever their dimension."""
FOLDS = 4
"""Folds by speaker, where corpora cannot be left out."""
_BOUND = 5.0
"""Standardised values are cut here, so that no single feature decides about a stranger."""
_ITERATIONS = 200
_CONSTANT = 1e-6

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class PeerModel:
    """Multinomial logistic regression: `weights` (d, classes) and `bias` (classes,) of standardised vectors.

    `own` are the statistics that vectors are measured from where the condition gives no others.
    """

    classes: tuple[str, ...]
    own: Population
    weights: Doubles
    bias: Doubles

    def scores(self, X: Floats, speaker: Texts | None, population: Population | None) -> Scores:
        """Posteriors of raw `X` (n, d), measured from the speaker's own statistics, or else from the population's."""
        Z = _measured(X, speaker, population or self.own)
        logits = Z @ self.weights + self.bias
        posteriors = np.exp(logits - logits.max(axis=1, keepdims=True))
        posteriors /= posteriors.sum(axis=1, keepdims=True)
        unknown = np.full(len(X), np.nan, dtype=np.float32)
        return Scores(posteriors.astype(np.float32), unknown, unknown, unknown)


def fit_peer(
    data: LabelledFeatures,
    classes: Sequence[str],
    weights: Mapping[str, float],
    measured_from: tuple[bool, bool],
    seed: int,
) -> PeerModel:
    """A peer's model on raw vectors, with classes balanced within each corpus, and corpora by their `weights`.

    The penalty is chosen for strangers: on each training corpus, by models of the others, or by speaker-independent
    folds where no other corpus shares two of its emotions.

    Args:
        data: rows to train on.
        classes: emotion names.
        weights: of corpora, by name; 1 where there is none.
        measured_from: whether vectors are measured from each corpus's own statistics instead of those of all rows, and
            whether from each speaker's own; in training as in the test.
        seed: of the folds.
    """
    archive, speakers = measured_from
    own = Population.of(data.X)
    Z = np.empty(data.X.shape)
    for name in np.unique(data.corpus):
        rows = data.corpus == name
        around = Population.of(data.X[rows]) if archive else own
        Z[rows] = _measured(data.X[rows], data.speaker[rows] if speakers else None, around)
    y = class_index(data.emotion, tuple(classes))
    weight = row_weights(data.corpus, y, corpus_shares(data.corpus, weights), balance_classes=True)
    with threadpool_limits(1):
        basis = _basis(Z)
        U = Z if basis is None else Z @ basis
        folds = _left_out(data, y) or speaker_folds(data.speaker, None, FOLDS, seed)
        found = [np.mean([_uar(U, y, weight, *split, penalty) for split in folds]) for penalty in PENALTIES]
        network = _fit(U, y, weight, PENALTIES[int(np.argmax(found))])
    coefficients, intercepts = _of_classes(network, len(classes))
    whole = coefficients if basis is None else coefficients @ basis.T
    return PeerModel(tuple(classes), own, whole.T, intercepts)


def _measured(X: Floats, speaker: Texts | None, population: Population) -> Doubles:
    """`X` (n, d) in deviations from the mean of the population, or of each speaker with two clips or more, over √d."""
    Z = _standard(X, population.mean, population.variance)
    if speaker is not None:
        for name in np.unique(speaker):
            rows = speaker == name
            if np.count_nonzero(rows) > 1:
                own = X[rows].astype(np.float64)
                Z[rows] = _standard(X[rows], own.mean(axis=0), own.var(axis=0))
    return Z


def _standard(X: Floats, mean: Doubles, variance: Doubles) -> Doubles:
    deviation = np.sqrt(variance)
    deviation = np.where(deviation <= _CONSTANT * np.abs(mean), np.inf, deviation)
    return np.asarray(np.clip((X - mean) / deviation, -_BOUND, _BOUND) / np.sqrt(X.shape[1]))


def _left_out(data: LabelledFeatures, y: Rows) -> list[Split]:
    """A split for each corpus that shares two emotions or more with the others: these to train, it to test."""
    masks = [data.corpus == name for name in np.unique(data.corpus)]
    return [
        Split(np.flatnonzero(~mask), np.flatnonzero(mask))
        for mask in masks
        if len(np.intersect1d(y[mask], y[~mask])) > 1
    ]


def _basis(Z: Doubles) -> Doubles | None:
    """An orthonormal basis (d, n) of the span of the rows, where they are fewer than the features, else None.

    The L2 penalty does not change with a rotation, and the solution lies in that span.
    """
    if Z.shape[0] >= Z.shape[1]:
        return None
    values, vectors = np.linalg.eigh(Z @ Z.T)
    kept = values > values[-1] * 1e-9
    return np.asarray(Z.T @ (vectors[:, kept] / np.sqrt(values[kept])))


def _uar(U: Doubles, y: Rows, weight: Doubles, train: Rows, test: Rows, penalty: float) -> float:
    known = test[np.isin(y[test], y[train])]
    decided = _fit(U[train], y[train], weight[train], penalty).predict(U[known])
    right = np.bincount(y[known], weights=decided == y[known])
    return float(unweighted_average_recall(right, np.bincount(y[known])))


def _fit(U: Doubles, y: Rows, weight: Doubles, penalty: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - slow to load
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a weak penalty that has not converged is tried as it is
        return LogisticRegression(C=penalty, max_iter=_ITERATIONS).fit(U, y, sample_weight=weight)


def _of_classes(network: Any, count: int) -> tuple[Doubles, Doubles]:
    """Coefficients (count, d) and intercepts (count,) of all classes; one without rows is never decided for."""
    coefficients, intercepts = network.coef_, network.intercept_
    if len(network.classes_) == 2:
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([[0.0], intercepts])
    whole, bias = np.zeros((count, coefficients.shape[1])), np.full(count, -np.inf)
    whole[network.classes_], bias[network.classes_] = coefficients, intercepts
    return whole, bias
