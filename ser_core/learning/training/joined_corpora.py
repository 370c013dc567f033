"""Labelled features of several corpora as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import speaker_folds

_ONE_SPEAKER = 1


def named(corpus: str, name: str) -> str:
    """The name of a speaker or a recording of a corpus, once corpora are joined: names may be equal in several."""
    return f"{corpus}/{name}"


def join_corpora(parts: Mapping[str, LabelledFeatures]) -> LabelledFeatures:
    """The rows of all `parts`, by corpus name, in their order; speakers and recordings are called as `named` does."""
    joined = LabelledFeatures.joined(list(parts.values()))
    corpus = np.repeat(list(parts), [len(part) for part in parts.values()])
    speaker, recording = (
        np.array([named(of, name) for of, name in zip(corpus.tolist(), column.tolist(), strict=True)])
        for column in (joined.speaker, joined.recording_id)
    )
    return replace(joined, corpus=corpus, speaker=speaker, recording_id=recording)


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
