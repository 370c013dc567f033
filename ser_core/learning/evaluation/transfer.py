"""Splits for transfer: from one corpus to another, and from some languages to another language."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ser_core.emotions import scheme_of
from ser_core.errors import TrainingError
from ser_core.learning.training.joined_corpora import join_corpora
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import Split


def language_splits(data: LabelledFeatures) -> dict[str, Split]:
    """A split for each known language of `data`: its rows to test, and those of other languages and speakers to train.

    A language is left out where there are no such training rows.
    """
    splits = {}
    for tag in sorted(set(data.language.tolist()) - {""}):
        test = data.language == tag
        train = (data.language != tag) & (data.language != "") & ~np.isin(data.speaker, data.speaker[test])
        if train.any():
            splits[tag] = Split(np.flatnonzero(train), np.flatnonzero(test))
    return splits


def between(corpora: Mapping[str, LabelledFeatures], label_scheme: str) -> tuple[LabelledFeatures, Split]:
    """The rows of two `corpora`, by name, in the classes that both have, and the split that trains on the first.

    Speakers and recordings are named `<corpus>/<name>`, as names may be equal in both corpora.

    Raises:
        TrainingError: they share fewer than two classes.
    """
    parts = [data.in_scheme(scheme_of(label_scheme, set(data.emotion.tolist()))) for data in corpora.values()]
    shared = sorted(set.intersection(*(set(part.emotion.tolist()) for part in parts)))
    if len(shared) < 2:
        raise TrainingError(
            f"Of the label scheme {label_scheme}, {' and '.join(corpora)} share {len(shared)} classes; expected two or "
            "more, choose another training.label_scheme"
        )
    kept = [part.take(np.isin(part.emotion, shared)) for part in parts]
    joined = join_corpora(dict(zip(corpora, kept, strict=True)))
    first = np.arange(len(joined)) < len(kept[0])
    return joined, Split(np.flatnonzero(first), np.flatnonzero(~first))
