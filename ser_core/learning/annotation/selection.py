"""Selection of segments to label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]

_THIRDS = 3


def choose(calls: npt.NDArray[np.str_], posteriors: Floats, count: int, seed: int) -> tuple[Indices, Indices]:
    """At most `count` of n segments: indices (uncertain, stratified) in the order of selection.

    Half have the smallest margin between the two highest posteriors; they improve a model most (margin sampling:
    Scheffer, Decomain & Wrobel 2001, IDA, 309-318). The others are drawn equally from strata: the predicted emotion, by
    thirds of its segments in confidence, so that confident predictions are labelled too. No call gives a second segment
    before every other call has given one.

    Args:
        calls: the call of each segment, (n,).
        posteriors: (n, classes), two classes or more.
        count: number of segments; all where there are fewer.
        seed: of draws and ties.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(calls))
    call = np.unique(calls, return_inverse=True)[1]
    taken = np.zeros(len(calls), dtype=np.intp)  # number of segments taken, by call
    by_margin = shuffled[np.argsort(_margin(posteriors)[shuffled], kind="stable")]
    uncertain = _spread(by_margin, call, taken)[: count // 2]
    taken += np.bincount(call[uncertain], minlength=len(taken))
    others = shuffled[~np.isin(shuffled, uncertain)]
    in_turn = others[np.argsort(_nth(_strata(posteriors)[others]), kind="stable")]
    return uncertain, _spread(in_turn, call, taken)[: count - len(uncertain)]


def _margin(posteriors: Floats) -> Floats:
    highest = np.sort(posteriors, axis=1)[:, -2:]
    margin: Floats = highest[:, 1] - highest[:, 0]
    return margin


def _strata(posteriors: Floats) -> Indices:
    """The stratum (n,) of each segment: its predicted emotion, and the third of its confidence among that emotion's."""
    emotion = np.argmax(posteriors, axis=1)
    rank = np.empty(len(emotion), dtype=np.intp)
    by_confidence = np.argsort(np.max(posteriors, axis=1), kind="stable")
    rank[by_confidence] = _nth(emotion[by_confidence])
    third = _THIRDS * rank // np.bincount(emotion, minlength=posteriors.shape[1])[emotion]
    strata: Indices = _THIRDS * emotion + third
    return strata


def _spread(order: Indices, call: Indices, taken: Indices) -> Indices:
    """`order`, rearranged so that the first segment of every call comes before the second of any."""
    spread: Indices = order[np.argsort(_nth(call[order]) + taken[call[order]], kind="stable")]
    return spread


def _nth(groups: Indices) -> Indices:
    """The number of earlier elements of the same group, (n,)."""
    order = np.argsort(groups, kind="stable")
    _, first, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    nth = np.empty(len(groups), dtype=np.intp)
    nth[order] = np.arange(len(groups)) - np.repeat(first, sizes)
    return nth
