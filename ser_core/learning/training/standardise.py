"""Standardisation of features: bounded, and without the main directions in which voices differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ser_core.learning.training.labelled_features import Floats, Texts
from ser_core.learning.training.voice_groups import Numbers

BOUND = 4.0
"""Features are clipped at so many deviations from the mean: larger values are mostly errors of a descriptor."""


@dataclass(frozen=True)
class Standardiser:
    """`mean` and `scale`, each float32 (d,), and orthonormal `directions` (k, d) to remove; k may be 0."""

    mean: Floats
    scale: Floats
    directions: Floats

    def __call__(self, X: Floats) -> Floats:
        """Standardised vectors, float32 (n, d), of `X` (n, d), clipped at `BOUND` before directions are removed."""
        Z: Floats = np.subtract(X, self.mean, dtype=np.float32)
        Z *= 1 / self.scale  # a multiplication is a quarter of a division
        np.clip(Z, -BOUND, BOUND, out=Z)
        if len(self.directions):
            Z -= (Z @ self.directions.T) @ self.directions
        return Z


def fit_standardiser(X: Floats, emotion: Texts, voice: Numbers, directions: int) -> Standardiser:
    """Mean and deviation of the rows of `X` (n, d), and the main `directions` of the differences between voices.

    A feature without variance is only centred. The directions are those of nuisance attribute projection (Solomonoff,
    Campbell & Boardman 2005, "Advances in channel compensation for SVM speaker recognition", ICASSP, 629-632): the
    right singular vectors of the voices' means, centred. A voice's mean is the mean of its means by emotion, so that
    the proportions of its emotions do not matter. There are at most as many directions as voices less one.
    """
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - slow to load, and scoring does not need it

    scaler = StandardScaler().fit(X.astype(np.float64))
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    plain = Standardiser(mean, scale, np.empty((0, X.shape[1]), dtype=np.float32))
    numbers = np.unique(voice)
    kept = min(directions, len(numbers) - 1, X.shape[1])
    if kept < 1:
        return plain
    Z = plain(X)
    means = np.stack([_voice_mean(Z[voice == number], emotion[voice == number]) for number in numbers])
    _, _, vectors = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    return Standardiser(mean, scale, np.ascontiguousarray(vectors[:kept], dtype=np.float32))


def _voice_mean(Z: Floats, emotion: Texts) -> Floats:
    by_emotion = [Z[emotion == name].mean(axis=0, dtype=np.float64) for name in np.unique(emotion)]
    return np.asarray(np.mean(by_emotion, axis=0))
