"""Posteriors → the emotion of each segment, and where it lies on the circumplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ser_core.emotions import AFFECT

Floats = npt.NDArray[np.floating[Any]]


UNDECIDED = -1
"""The place of no class."""


class SegmentScores(NamedTuple):
    """Of n segments, each (n,): the place of the `emotion` among the classes, or `UNDECIDED`; the largest posterior as
    `confidence`, decided or not; and `valence` and `arousal`, -1 to 1."""

    emotion: npt.NDArray[np.intp]
    confidence: Floats
    valence: Floats
    arousal: Floats


def score_segments(posteriors: Floats, classes: Sequence[str], min_confidence: float) -> SegmentScores:
    """Decides on segments by their `posteriors` (n, classes), rows summing to 1; of equal ones the first class wins.

    A segment whose largest posterior is below `min_confidence` is left undecided: Chow's rule ("On optimum recognition
    error and reject tradeoff", IEEE Trans. Information Theory 16, 1970, 41-46), by which no other way of rejecting as
    many segments leaves fewer errors, as far as the posteriors are true.

    Valence and arousal are the means of the classes' coordinates (`ser_core.emotions.AFFECT`) weighted by the
    posteriors, so that a doubtful decision lies near the origin.

    Raises:
        ValueError: shapes do not fit.
        KeyError: a class has no coordinates.
    """
    if posteriors.ndim != 2 or posteriors.shape[1] != len(classes):
        raise ValueError(f"posteriors have the shape {posteriors.shape}; expected (n, {len(classes)})")
    places = np.array([[AFFECT[name].valence, AFFECT[name].arousal] for name in classes])
    affect = posteriors @ places
    confidence = posteriors.max(axis=1)
    # As float32, which is what tables hold: a segment and its call, which is made from tables, decide alike.
    decided = confidence.astype(np.float32) >= np.float32(min_confidence)
    emotion = np.where(decided, posteriors.argmax(axis=1), UNDECIDED)
    return SegmentScores(emotion, confidence, affect[:, 0], affect[:, 1])


def fuse_valence(voice: Floats, text: Floats, weight: float) -> Floats:
    """Late fusion: (1 - weight) · voice + weight · text where there are words, the voice alone where there are none.

    Args:
        voice: valence of the voice, (n,), -1 to 1.
        text: valence of the words, (n,), -1 to 1; NaN where there are none.
        weight: of the words, 0 to 1.
    """
    fused: Floats = np.where(np.isnan(text), voice, (1 - weight) * voice + weight * text)
    return fused
