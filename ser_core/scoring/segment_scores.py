"""Posteriors → the emotion of each segment, and its valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ser_core.emotions import AFFECT
from ser_core.learning.training.linear_heads import HIGH_AROUSAL

Floats = npt.NDArray[np.floating[Any]]


UNDECIDED = -1
"""The class index of an undecided segment."""
_LEAST_POSTERIOR = 1e-6


class HeardAffect(NamedTuple):
    """Valence and arousal of n segments, each (n,), -1 to 1."""

    valence: Floats
    arousal: Floats


class SegmentScores(NamedTuple):
    """Scores of n segments, each (n,): `emotion`, a class index or `UNDECIDED`; `confidence`, the largest posterior,
    decided or not; `valence` and `arousal`, -1 to 1."""

    emotion: npt.NDArray[np.intp]
    confidence: Floats
    valence: Floats
    arousal: Floats


def score_segments(posteriors: Floats, classes: Sequence[str], min_confidence: float) -> SegmentScores:
    """Decisions by the largest of the `posteriors` (n, classes), rows summing to 1; the first class of equal ones.

    A segment whose largest posterior is below `min_confidence` is undecided. This is Chow's rule ("On optimum
    recognition error and reject tradeoff", IEEE Trans. Information Theory 16, 1970, 41-46): for correct posteriors, no
    other way of rejecting as many segments leaves fewer errors.

    Valence and arousal are means of the classes' coordinates (`ser_core.emotions.AFFECT`), weighted by the posteriors,
    so that an uncertain segment lies near the origin.

    Raises:
        ValueError: shapes do not fit.
        KeyError: a class has no coordinates.
    """
    if posteriors.ndim != 2 or posteriors.shape[1] != len(classes):
        raise ValueError(f"posteriors have the shape {posteriors.shape}; expected (n, {len(classes)})")
    coordinates = np.array([[AFFECT[name].valence, AFFECT[name].arousal] for name in classes])
    affect = posteriors @ coordinates
    confidence = posteriors.max(axis=1)
    # In float32, as in the tables, so that a segment and its call, which is summarised from tables, decide alike.
    decided = confidence.astype(np.float32) >= np.float32(min_confidence)
    emotion = np.where(decided, posteriors.argmax(axis=1), UNDECIDED)
    return SegmentScores(emotion, confidence, affect[:, 0], affect[:, 1])


def heard_affect(
    posteriors: Floats, classes: Sequence[str], arousal_high: Floats, valence_negative: Floats
) -> HeardAffect:
    """Valence and arousal from a model's probabilities, on the scale of `ser_core.emotions.AFFECT`.

    A model gives the probabilities of high arousal and of negative valence. Each divides the classes in two. Within
    either part, the mean of the classes' coordinates is that of the posteriors, and each part counts by its
    probability (the law of total expectation): E[a] = P(high) E[a | high] + (1 - P(high)) E[a | not high]. So
    nothing flat is pleasant or sleepy, as 2 P - 1 would be, and coordinates alone decide where the model gives none.

    Args:
        posteriors: (n, classes), rows summing to 1.
        classes: of the posteriors' columns.
        arousal_high: probability (n,) of high arousal; NaN where a model does not hear it.
        valence_negative: probability (n,) of negative valence; the same.
    """
    valence = np.array([AFFECT[name].valence for name in classes])
    arousal = np.array([AFFECT[name].arousal for name in classes])
    return HeardAffect(
        _expected(posteriors, valence, valence < 0, valence_negative),
        _expected(posteriors, arousal, arousal >= HIGH_AROUSAL, arousal_high),
    )


def _expected(
    posteriors: Floats, values: Floats, inside: npt.NDArray[np.bool_], probability: Floats
) -> npt.NDArray[np.float64]:
    """Mean of the classes' `values` where those `inside` have the `probability` (n,) together."""
    by_posteriors: npt.NDArray[np.float64] = posteriors @ values
    if inside.all() or not inside.any():
        return by_posteriors
    weights = posteriors + _LEAST_POSTERIOR  # a part that no class has a share of counts its classes alike
    within, without = (weights[:, part] @ values[part] / weights[:, part].sum(axis=1) for part in (inside, ~inside))
    heard = probability * within + (1 - probability) * without
    return np.where(np.isnan(probability), by_posteriors, heard)


def fuse_valence(voice: Floats, text: Floats, weight: float) -> Floats:
    """Late fusion: (1 - weight) · voice + weight · text where there are words, otherwise the voice alone.

    Args:
        voice: valence of the voice, (n,), -1 to 1.
        text: valence of the words, (n,), -1 to 1; NaN without words.
        weight: of the words, 0 to 1.
    """
    fused: Floats = np.where(np.isnan(text), voice, (1 - weight) * voice + weight * text)
    return fused
