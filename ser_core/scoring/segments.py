"""Posteriors → the emotion of each segment, and where it lies on the circumplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ser_core.emotions import AFFECT

Floats = npt.NDArray[np.floating[Any]]


class SegmentScores(NamedTuple):
    """Of n segments, each (n,): the place of the likeliest emotion among the classes, its posterior as `confidence`,
    and `valence` and `arousal`, -1 to 1."""

    emotion: npt.NDArray[np.intp]
    confidence: Floats
    valence: Floats
    arousal: Floats


def score_segments(posteriors: Floats, classes: Sequence[str]) -> SegmentScores:
    """Decides on segments by their `posteriors` (n, classes), rows summing to 1; of equal ones the first class wins.

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
    return SegmentScores(posteriors.argmax(axis=1), posteriors.max(axis=1), affect[:, 0], affect[:, 1])


def fuse_valence(voice: Floats, text: Floats, weight: float) -> Floats:
    """Late fusion: (1 - weight) · voice + weight · text where there are words, the voice alone where there are none.

    Args:
        voice: valence of the voice, (n,), -1 to 1.
        text: valence of the words, (n,), -1 to 1; NaN where there are none.
        weight: of the words, 0 to 1.
    """
    fused: Floats = np.where(np.isnan(text), voice, (1 - weight) * voice + weight * text)
    return fused
