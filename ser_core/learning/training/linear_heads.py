"""Linear heads: arousal and valence, and a first guess of the emotion, from normalised vectors.

A strongly regularised linear map travels from corpus to corpus. It costs next to nothing, so that the
speaker's mean can be taken relative to what it expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ser_core.emotions import AFFECT
from ser_core.learning.training.labelled_features import Floats

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

BOUND = 4.0
"""Features are clipped at so many deviations."""
PENALTY = 0.006
"""L2 penalty by row and feature, where features have a deviation of 1. Chosen on corpora left out (docs/method.md)."""
SHARPNESS = 6.0
"""Factor of the regression's scores, which lie between 0 and 1, to logits."""
HIGH_AROUSAL = 0.5
"""Emotions of at least this arousal are high; those between half of it and it count for neither."""
SLOPES = (0.1, 40.0)
"""Lowest and highest slope of a calibration."""
PLAIN_SLOPE = 4.0
"""Where nothing is left out to calibrate on."""


@dataclass(frozen=True)
class LinearHeads:
    """`weights` float32 (d, classes + 2) and `intercepts` (classes + 2,): the classes, high arousal, negative valence.

    The scores of arousal and valence are 0.5 where high and low, negative and other, are as likely as in training.
    `slopes` float32 (2,) are those of the logistic functions (Platt 1999) of the two about 0.5.
    """

    weights: Floats
    intercepts: Floats
    slopes: Floats

    def __call__(self, Z: Floats) -> Floats:
        """Scores float32 (n, classes + 2) of normalised vectors `Z` (n, d)."""
        scores: Floats = np.clip(Z, -BOUND, BOUND) @ self.weights
        scores += self.intercepts
        return scores

    def expected(self, Z: Floats) -> Floats:
        """A first guess of the posteriors (n, classes)."""
        logits = SHARPNESS * self(Z)[:, :-2]
        guess: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
        guess /= guess.sum(axis=1, keepdims=True)
        return guess

    def affect(self, Z: Floats, sharpness: Floats) -> Floats:
        """Probabilities (n, 2) of high arousal and of negative valence; `sharpness` (n,), 0 to 1, is a row's slope."""
        logits = self.slopes * (self(Z)[:, -2:] - 0.5) * sharpness[:, np.newaxis]
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)

    def calibrated(self, scores: Floats | Doubles, targets: Doubles, weight: Doubles) -> LinearHeads:
        """The heads with slopes fitted to `scores` (n, 2) of rows left out of training, and their `targets`.

        High and low have the same weight. There is no intercept: where one corpus lies beside others is chance.
        """
        fits = []
        for column in range(2):
            known = ~np.isnan(targets[:, column])
            fits.append(_slope(scores[known, column].astype(np.float64), targets[known, column], weight[known]))
        return replace(self, slopes=np.array(fits, dtype=np.float32))


def affect_targets(classes: Sequence[str], y: Indices) -> Doubles:
    """(n, 2): 1 for high arousal and for negative valence, 0 for low and other, NaN where the emotion has none."""
    arousal = np.array([AFFECT[name].arousal for name in classes])
    high = np.where(arousal >= HIGH_AROUSAL, 1.0, 0.0)
    high[[name == "distressed" for name in classes]] = np.nan  # it holds fear, which is high, and sadness, which is low
    negative = np.array([float(AFFECT[name].valence < 0) for name in classes])
    return np.column_stack([high, negative])[y]


def fit_heads(Z: Floats, y: Indices, classes: Sequence[str], weight: Doubles) -> LinearHeads:
    """Ridge regression of the classes, high arousal and negative valence on `Z` (n, d), rows weighted by `weight`."""
    bounded = np.clip(Z, -BOUND, BOUND)
    targets = np.column_stack([np.eye(len(classes))[y], affect_targets(classes, y)])
    known = ~np.isnan(targets[:, -2])
    weights, intercepts = _ridge(bounded, np.nan_to_num(targets), weight)
    if not known.all() and known.any():  # rows without a clear arousal teach that head nothing
        weights[:, -2:-1], intercepts[-2:-1] = _ridge(bounded[known], targets[known, -2:-1], weight[known])
    # The affect heads are 0.5 at the mean of their targets.
    intercepts[-2] += 0.5 - np.average(targets[known, -2], weights=weight[known]) if known.any() else 0.5
    intercepts[-1] += 0.5 - np.average(targets[:, -1], weights=weight)
    plain = np.full(2, PLAIN_SLOPE, dtype=np.float32)
    return LinearHeads(weights.astype(np.float32), intercepts.astype(np.float32), plain)


def _ridge(Z: Floats, targets: Doubles, weight: Doubles) -> tuple[Doubles, Doubles]:
    """Weights (d, k) and intercepts (k,) for `targets` (n, k); the intercepts are not penalised."""
    relative = weight / weight.mean()
    scaled = Z * np.sqrt(relative).astype(np.float32)[:, np.newaxis]
    centre, middle = np.average(Z, axis=0, weights=weight), np.average(targets, axis=0, weights=weight)
    gram = (scaled.T @ scaled).astype(np.float64) - len(Z) * np.outer(centre, centre)
    gram[np.diag_indices(Z.shape[1])] += PENALTY * Z.size
    moment = Z.T.astype(np.float64) @ ((targets - middle) * relative[:, np.newaxis])
    solution = np.linalg.solve(gram, moment)
    return solution, middle - centre @ solution


def _slope(scores: Doubles, targets: Doubles, weight: Doubles) -> float:
    """The slope of the logistic function about 0.5 with the highest likelihood, both values of `targets` alike."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to load, and predicting does not need it

    balanced = np.zeros_like(weight)
    for value in (0.0, 1.0):
        rows = targets == value
        if not rows.any():
            return PLAIN_SLOPE
        balanced[rows] = weight[rows] / weight[rows].sum()
    margin = (2 * targets - 1) * (scores - 0.5)
    found = minimize_scalar(
        lambda slope: float(balanced @ np.logaddexp(0, -slope * margin)), bounds=SLOPES, method="bounded"
    )
    return float(found.x)
