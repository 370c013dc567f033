"""Speaker normalisation: vectors relative to the speaker's own mean and deviation, shrunk towards the population's.

The properties of a voice (its pitch, its level, its line) shift every vector of a speaker by the same amount, and by
more than most emotions do. Busso et al. 2011 ("Iterative feature normalization for emotional speech detection", ICASSP,
5692-5695) call the removal of the speaker's mean and deviation global normalisation. From few segments, both are
unreliable; for a speaker who is always angry, the mean contains the anger. They are therefore shrunk towards the
population's, as in maximum a posteriori adaptation (Gauvain & Lee 1994, IEEE Trans. Speech Audio Process. 2, 291-298).
What the emotions expected of the speaker explain of the mean is not the voice, and stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import SpeakerNormalisationSettings
from ser_core.errors import BundleError
from ser_core.learning.training.labelled_features import Floats

Speakers = npt.NDArray[np.generic]
"""(n,) equal values are of one speaker."""
Doubles = npt.NDArray[np.float64]

_CONSTANT = 1e-6
"""A deviation below this share of the feature's mean is rounding, not variation."""


@dataclass(frozen=True)
class SpeakerNormaliser:
    """Population `mean` and within-speaker `deviation`, each (d,), and how strongly a speaker's own replace them.

    A speaker of n segments with mean m and variance v (n - 1 degrees of freedom) is given

        mean      μ + strength_mean · n / (n + prior_segments) · (m - e - μ)
        variance  σ² + strength_deviation · (n - 1) / (n - 1 + prior_segments) · (v - σ²)

    e is the share `anchor` of the mean that the expected emotions explain, Σ p̄(c) · E[x | c] with the speaker's mean
    posteriors p̄ and the classes' means of training, relative to the population. 0: emotions are taken for the voice.
    One short clip is normalised almost by the population's statistics, minutes of speech almost by their own.
    """

    strength_mean: float
    strength_deviation: float
    prior_segments: float
    anchor: float
    mean: Doubles
    deviation: Doubles
    class_means: Doubles

    def __call__(self, X: Floats, speaker: Speakers, expected: Floats | None = None) -> Floats:
        """Normalised vectors, float32 (n, d), of `X` (n, d); rows with equal `speaker` (n,) share statistics.

        `expected` are posteriors (n, classes) of each row; None: nothing is expected.

        Raises:
            ValueError: `speaker` and `X` differ in length.
        """
        if len(speaker) != len(X):
            raise ValueError(f"{len(speaker)} speakers of {len(X)} vectors; expected one each")
        normalised = np.empty(X.shape, dtype=np.float32)
        for rows in _rows_by_speaker(speaker):
            explained: Doubles | float = 0.0
            if expected is not None and self.anchored:
                explained = self.anchor * (expected[rows].mean(axis=0, dtype=np.float64) @ self.class_means)
            normalised[rows] = self._of_speaker(X[rows], explained)
        return normalised

    @property
    def anchored(self) -> bool:
        """Whether posteriors change anything."""
        return self.anchor > 0 and self.strength_mean > 0

    def without_speakers(self, X: Floats) -> Floats:
        """Vectors relative to the population alone, float32 (n, d)."""
        Z: Floats = np.subtract(X, self.mean.astype(np.float32), dtype=np.float32)
        Z *= (1 / self.deviation).astype(np.float32)
        return Z

    def _of_speaker(self, X: Floats, explained: Doubles | float) -> Floats:
        n = len(X)
        apart = X.mean(axis=0, dtype=np.float64) - self.mean - explained
        mean = self.mean + self.strength_mean * n / (n + self.prior_segments) * apart
        variance = np.square(self.deviation)
        if n > 1 and self.strength_deviation:
            trust = self.strength_deviation * (n - 1) / (n - 1 + self.prior_segments)
            variance += trust * (X.var(axis=0, ddof=1, dtype=np.float64) - variance)
        standardised: Floats = np.subtract(X, mean.astype(np.float32), dtype=np.float32)
        standardised *= (1 / np.sqrt(variance)).astype(np.float32)
        return standardised

    def to_json(self) -> bytes:
        """JSON for the bundle; floats are restored exactly."""
        fields = {name: getattr(self, name) for name in _STRENGTHS}
        return json.dumps({**fields, **{name: getattr(self, name).tolist() for name in _STATISTICS}}).encode()


_STRENGTHS = ("strength_mean", "strength_deviation", "prior_segments", "anchor")
_STATISTICS = ("mean", "deviation", "class_means")


def fit_normaliser(
    X: Floats, speaker: Speakers, settings: SpeakerNormalisationSettings, class_means: Doubles
) -> SpeakerNormaliser:
    """Population statistics of training vectors `X` (n, d) with their `speaker` (n,), and the means (classes, d) of
    the classes, relative to the population.

    The mean is that of the speakers' means; the deviation is pooled over the speakers. Where each speaker has only one
    row, it is the deviation of all rows.
    """
    groups = list(_rows_by_speaker(speaker))
    means = np.stack([X[rows].mean(axis=0, dtype=np.float64) for rows in groups])
    squares = [
        np.square(X[rows].astype(np.float64) - mean).sum(axis=0) for rows, mean in zip(groups, means, strict=True)
    ]
    freedom = len(X) - len(groups)
    variance = np.sum(squares, axis=0) / freedom if freedom else X.var(axis=0, dtype=np.float64)
    mean, deviation = means.mean(axis=0), np.sqrt(variance)
    return SpeakerNormaliser(
        settings.strength_mean,
        settings.strength_deviation,
        settings.prior_segments,
        settings.anchor,
        mean,
        np.where(deviation <= _CONSTANT * np.maximum(np.abs(mean), 1.0), 1.0, deviation),
        class_means,
    )


def read_normaliser(data: bytes, classes: int, dimension: int) -> SpeakerNormaliser:
    """The normaliser in `data`, for vectors of `dimension` values and so many `classes`.

    Raises:
        BundleError: `data` holds no normaliser, or one of other vectors.
    """
    try:
        fields = json.loads(data)
        strength_mean, strength_deviation, prior_segments, anchor = (float(fields[name]) for name in _STRENGTHS)
        mean, deviation, means = (np.array(fields[name], dtype=np.float64) for name in _STATISTICS)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"The model's speaker normalisation cannot be read ({error!r}); train it again") from error
    if mean.shape != (dimension,) or deviation.shape != (dimension,) or means.shape != (classes, dimension):
        raise BundleError(
            f"The model's speaker normalisation is of {mean.shape} means, {deviation.shape} deviations and "
            f"{means.shape} means of classes, its manifest names {dimension} features and {classes} classes; train it "
            "again"
        )
    shares = all(0 <= share <= 1 for share in (strength_mean, strength_deviation, anchor))
    finite = all(np.isfinite(values).all() for values in (mean, deviation, means))
    if not (shares and 0 < prior_segments < np.inf and finite and (deviation > 0).all()):
        raise BundleError("The model's speaker normalisation holds impossible numbers; train it again")
    return SpeakerNormaliser(strength_mean, strength_deviation, prior_segments, anchor, mean, deviation, means)


def _rows_by_speaker(speaker: Speakers) -> Iterator[npt.NDArray[np.intp]]:
    """Indices of each speaker's rows, in their order."""
    _, code = np.unique(speaker, return_inverse=True)
    order = np.argsort(code, kind="stable")
    yield from (rows for rows in np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(rows))
