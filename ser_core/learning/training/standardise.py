"""Standardised features, bounded, and without the main directions in which voices differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ser_core.learning.training.labelled_features import Floats, Texts
from ser_core.learning.training.voice_groups import Numbers

BOUND = 4.0
"""Deviations from the mean at which a feature is cut off: what is further out is a fault of a descriptor mostly."""


@dataclass(frozen=True)
class Standardiser:
    """`mean` and `scale`, each float32 (d,), and orthonormal `directions` (k, d), which are taken out; k may be 0."""

    mean: Floats
    scale: Floats
    directions: Floats

    def __call__(self, X: Floats) -> Floats:
        """Standardised vectors, float32 (n, d), of `X` (n, d), `BOUND` at the most before directions are taken out."""
        Z: Floats = np.subtract(X, self.mean, dtype=np.float32)
        Z /= self.scale
        np.clip(Z, -BOUND, BOUND, out=Z)
        if len(self.directions):
            Z -= (Z @ self.directions.T) @ self.directions
        return Z


def fit_standardiser(X: Floats, emotion: Texts, voice: Numbers, directions: int) -> Standardiser:
    """Mean and deviation of the rows of `X` (n, d), and the `directions` in which most of the differences between
    voices lie; a feature of no variance is only centred.

    The directions are those of nuisance attribute projection (Solomonoff, Campbell & Boardman 2005, "Advances in
    channel compensation for SVM speaker recognition", ICASSP, 629-632): the right singular vectors of the voices' means
    around the mean voice. A voice's mean is that of its means by emotion, so that a voice with much of one emotion does
    not stand for it. There are no more than voices less one.
    """
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - slow to load, and scoring does not need it

    scaler = StandardScaler().fit(X.astype(np.float64))
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    none = Standardiser(mean, scale, np.empty((0, X.shape[1]), dtype=np.float32))
    numbers = np.unique(voice)
    kept = min(directions, len(numbers) - 1, X.shape[1])
    if kept < 1:
        return none
    Z = none(X)
    means = np.stack([_voice_mean(Z[voice == number], emotion[voice == number]) for number in numbers])
    _, _, found = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    return Standardiser(mean, scale, np.ascontiguousarray(found[:kept], dtype=np.float32))


def _voice_mean(Z: Floats, emotion: Texts) -> Floats:
    by_emotion = [Z[emotion == name].mean(axis=0, dtype=np.float64) for name in np.unique(emotion)]
    return np.asarray(np.mean(by_emotion, axis=0))
