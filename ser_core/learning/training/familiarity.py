"""Familiarity: how near a channel's vectors are to those that were trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.labelled_features import Floats

DIRECTIONS = 32
"""Main directions of the training vectors in which a distance is measured."""
QUANTILE = 0.9
"""Of the training rows' distances; up to it, a distance is fully familiar."""
LEAST = 0.25
"""A row is never less familiar."""
_ROWS = 800
"""Rows that the directions are found from, at most."""
_BOUND = 8.0


@dataclass(frozen=True)
class FamiliarityMeasure:
    """`directions` float32 (k, d) in which the training vectors have a deviation of 1, and a distance's `limit`."""

    directions: Floats
    limit: float

    def __call__(self, Z: Floats, speaker: npt.NDArray[np.generic] | None) -> Floats:
        """Familiarity float32 (n,) of vectors `Z` (n, d), 0 to 1: limit / distance, at most 1.

        The distance is the mean square along the directions (Mahalanobis 1936), averaged over the rows of a `speaker`
        (n,); of each row by itself where it is None.
        """
        distance = self.distance(Z)
        if speaker is not None and len(Z):
            _, number = np.unique(speaker, return_inverse=True)
            number = number.reshape(-1)
            mean = np.bincount(number, weights=distance) / np.bincount(number)
            distance = mean[number].astype(np.float32)
        return np.asarray(np.clip(self.limit / np.maximum(distance, 1e-9), LEAST, 1.0), dtype=np.float32)

    def distance(self, Z: Floats) -> Floats:
        """Distance (n,) of each row from the training rows' mean; about 1 for one of them."""
        along = np.clip(Z @ self.directions.T, -_BOUND, _BOUND)
        return np.asarray(np.square(along).mean(axis=1))


def fit_familiarity(Z: Floats) -> FamiliarityMeasure:
    """The measure of training vectors `Z` (n, d), altered copies too, as deviations from their population."""
    bounded = np.clip(Z, -_BOUND, _BOUND)
    sample = bounded[:: max(1, -(-len(Z) // _ROWS))].astype(np.float64)
    count = min(DIRECTIONS, *sample.shape)
    values, vectors = np.linalg.eigh(sample @ sample.T if len(sample) < Z.shape[1] else sample.T @ sample)
    values, vectors = np.maximum(values[-count:], 1e-9), vectors[:, -count:]
    if len(sample) < Z.shape[1]:
        vectors = sample.T @ vectors / np.sqrt(values)
    directions = (vectors / np.sqrt(values / len(sample))).T.astype(np.float32)
    plain = FamiliarityMeasure(np.ascontiguousarray(directions), 1.0)
    return FamiliarityMeasure(plain.directions, float(np.quantile(plain.distance(Z), QUANTILE)))
