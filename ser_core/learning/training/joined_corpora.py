"""Labelled features of several corpora as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import speaker_folds

_NAMED = ("speaker", "recording_id")
_ONE_SPEAKER = 1


def named(corpus: str, name: str) -> str:
    """The name of a speaker or a recording of a corpus, once corpora are joined: names may be equal in several."""
    return f"{corpus}/{name}"


def join_corpora(parts: Mapping[str, LabelledFeatures], weights: Mapping[str, float] | None = None) -> LabelledFeatures:
    """The rows of all `parts`, by corpus name, in their order; speakers and recordings are called as `named` does.

    `weights` by corpus name go into the column `weight`; without them, the rows keep their own.
    """
    columns = _columns(tuple(parts.values()))
    counts = [len(part) for part in parts.values()]
    columns["corpus"] = np.repeat(list(parts), counts)
    for name in _NAMED:
        pairs = zip(columns["corpus"].tolist(), columns[name].tolist(), strict=True)
        columns[name] = np.array([named(corpus, value) for corpus, value in pairs])
    if weights is not None:
        columns["weight"] = np.repeat(np.array([weights[name] for name in parts], dtype=np.float64), counts)
    return LabelledFeatures(**columns)


def stack(parts: Sequence[LabelledFeatures]) -> LabelledFeatures:
    """The rows of all `parts`, in their order."""
    return LabelledFeatures(**_columns(parts))


def _columns(parts: Sequence[LabelledFeatures]) -> dict[str, Any]:
    names = [column.name for column in fields(LabelledFeatures)]
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def joined_folds(
    data: LabelledFeatures, published: Mapping[str, Sequence[Sequence[str]] | None], group_folds: int, seed: int
) -> tuple[tuple[str, ...], ...]:
    """Test speakers of folds by speaker within each corpus of joined `data`: a fold has some speakers of every corpus.

    Args:
        data: as `join_corpora` returns.
        published: folds of each corpus, under its own names of speakers; None for folds by speaker, drawn by `seed`.
        group_folds: their number, and the number of the joined folds. Published folds beyond it are dealt out again.
        seed: of the folds that are drawn.
    """
    folds: list[list[str]] = [[] for _ in range(group_folds)]
    for corpus, own in published.items():
        speaker = data.speaker[data.corpus == corpus]
        names = np.unique(speaker)
        if len(names) <= _ONE_SPEAKER:
            folds[0] += names.tolist()
            continue
        prefixed = None if own is None else [[named(corpus, name) for name in fold] for fold in own]
        for number, split in enumerate(speaker_folds(speaker, prefixed, group_folds, seed)):
            folds[number % group_folds] += np.unique(speaker[split.test]).tolist()
    return tuple(tuple(fold) for fold in folds if fold)
