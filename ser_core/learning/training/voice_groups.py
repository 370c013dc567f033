"""The voices of training rows: the groups of rows that are normalised together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.labelled_features import LabelledFeatures, Texts

Numbers = npt.NDArray[np.intp]
"""(n,) rows with equal numbers are of one voice."""

CALL_SEGMENTS = (4, 30)
"""Fewest and most segments of a simulated call."""
ONE_SIDED = 0.5
"""Share of the simulated calls that are mostly of one emotion."""
ONE_SIDED_SHARE = 0.8
"""That emotion's share of such a call."""


def whole_voices(data: LabelledFeatures) -> Numbers:
    """One voice for all rows of a speaker of a corpus under one condition: a line changes a voice as a speaker does."""
    pairs = np.stack([data.speaker, data.condition, data.corpus], axis=1)
    _, number = np.unique(pairs, axis=0, return_inverse=True)
    return number.astype(np.intp).reshape(len(data))


def simulated_calls(data: LabelledFeatures, seed: int) -> Numbers:
    """As `whole_voices`, each split at random into calls of `CALL_SEGMENTS` rows, half of them mostly of one emotion.

    For a caller who is always angry, the mean of the segments contains the anger. A classifier trained on voices with
    all emotions takes such a call for neutral; a classifier trained on such calls does so less often. Each row is in
    one call. The rows of a voice with fewer rows than a call are one call.
    """
    whole = whole_voices(data)
    calls = np.empty(len(data), dtype=np.intp)
    count = 0
    for number in range(whole.max() + 1):
        rows = np.flatnonzero(whole == number)
        rng = np.random.default_rng([seed, number])
        for call in _deal(data.emotion[rows], rng):
            calls[rows[call]] = count
            count += 1
    return calls


def _deal(emotion: Texts, rng: np.random.Generator) -> list[Numbers]:
    """Indices into `emotion` (n,), split into calls."""
    left = rng.permutation(len(emotion))
    calls: list[Numbers] = []
    low, high = CALL_SEGMENTS
    while len(left):
        size = int(rng.integers(low, high + 1))
        if rng.random() < ONE_SIDED:
            left, size = _one_sided_first(left, emotion, size, rng)
        calls.append(left[:size])
        left = left[size:]
    if len(calls) > 1 and len(calls[-1]) < low:
        rest = calls.pop()
        calls[-1] = np.concatenate([calls[-1], rest])
    return calls


def _one_sided_first(left: Numbers, emotion: Texts, size: int, rng: np.random.Generator) -> tuple[Numbers, int]:
    """`left` with rows mostly of one emotion first, and their number: `size`, or fewer where rows are lacking."""
    chosen = rng.choice(emotion[left])
    own = np.flatnonzero(emotion[left] == chosen)[: round(ONE_SIDED_SHARE * size)]
    others = np.setdiff1d(np.arange(len(left)), own)
    size = max(CALL_SEGMENTS[0], min(size, round(len(own) / ONE_SIDED_SHARE)))
    return left[np.concatenate([own, others])], size
