"""Set operations on spans of time: arrays (n, 2) of start and end in seconds.

All functions but `joined` take and return disjoint spans in order, each with a positive duration.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Spans = npt.NDArray[np.float64]
NONE: Spans = np.empty((0, 2))


def joined(spans: Spans, gap_s: float = 0.0) -> Spans:
    """`spans` (n, 2), in any order, overlapping or empty, as disjoint spans; gaps up to `gap_s` are filled."""
    spans = spans[spans[:, 1] > spans[:, 0]]
    if not len(spans):
        return NONE
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.r_[True, spans[1:, 0] - reach[:-1] > gap_s]
    return np.column_stack([spans[first, 0], reach[np.r_[first[1:], True]]])


def union(sets: Iterable[Spans]) -> Spans:
    """The time in any of `sets`."""
    return joined(np.concatenate([NONE, *sets]))


def total_s(spans: Spans) -> float:
    """The total duration of `spans` in seconds."""
    return float(np.sum(spans[:, 1] - spans[:, 0]))


def gaps(spans: Spans, duration_s: float) -> Spans:
    """The time from 0 to `duration_s` outside of `spans`."""
    between = np.r_[0.0, np.clip(spans, 0.0, duration_s).ravel(), duration_s].reshape(-1, 2)
    left: Spans = between[between[:, 1] > between[:, 0]]
    return left


def intersection(a: Spans, b: Spans) -> Spans:
    """The time in both `a` and `b`."""
    edges = np.unique(np.concatenate([a.ravel(), b.ravel()]))
    if not len(edges):
        return NONE
    pieces = np.column_stack([edges[:-1], edges[1:]])
    middle = pieces.mean(axis=1)
    return joined(pieces[holds(a, middle) & holds(b, middle)])


def holds(spans: Spans, at: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether each time `at` (n,) is in `spans`; a span's start is, its end is not."""
    index = np.searchsorted(spans[:, 0], at, side="right") - 1
    inside: npt.NDArray[np.bool_] = (index >= 0) & (at < np.r_[spans[:, 1], -np.inf][index])
    return inside
