"""Train and test parts: at random by recording, and by speaker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ser_core.errors import TrainingError
from ser_core.learning.training.labelled_features import LabelledFeatures, Texts
from ser_core.learning.training.sampling import random_key

TEST_SHARE = 0.25
"""Of the random split, as in the paper."""

Rows = npt.NDArray[np.intp]


class Split(NamedTuple):
    """Row indices of the train and the test part."""

    train: Rows
    test: Rows


def random_split(data: LabelledFeatures, seed: int) -> Split:
    """75 % of the recordings of each emotion to train, 25 % to test; no recording is in both parts, but speakers are.

    Raises:
        TrainingError: no emotion has two recordings.
    """
    by_emotion: dict[str, list[str]] = defaultdict(list)
    labels = dict(sorted(zip(data.recording_id.tolist(), data.emotion.tolist(), strict=True)))
    for recording, emotion in labels.items():
        by_emotion[emotion].append(recording)
    tested: list[str] = []
    for recordings in by_emotion.values():
        count = min(max(1, round(TEST_SHARE * len(recordings))), len(recordings) - 1)
        tested += sorted(recordings, key=lambda name: random_key(name, seed))[:count]
    if not tested:
        raise TrainingError("No emotion has two recordings, so none can be kept for testing: label more recordings")
    return _split(np.isin(data.recording_id, tested))


def speaker_folds(
    speaker: Texts, published: Sequence[Sequence[str]] | None, group_folds: int, seed: int
) -> tuple[Split, ...]:
    """Speaker-independent folds: no test speaker is in the train part, and every row is tested once. `speaker` is (n,).

    These are the `published` folds (test speakers of each) where every speaker of the data is in exactly one of them.
    Otherwise `group_folds` folds over the speakers, at most one per speaker, are drawn by `seed`.

    Raises:
        TrainingError: there is only one speaker.
    """
    present = set(speaker.tolist())
    if len(present) < 2:
        raise TrainingError(
            f"The labels name one speaker ({', '.join(present)}); expected two or more, as a classifier is tested on "
            "speakers outside its training data"
        )
    if published is not None:
        named = [name for fold in published for name in fold]
        masks = [np.isin(speaker, list(fold)) for fold in published]
        masks = [mask for mask in masks if mask.any()]
        if present <= set(named) and len(named) == len(set(named)) and len(masks) > 1:
            return tuple(_split(mask) for mask in masks)
    from sklearn.model_selection import GroupKFold  # noqa: PLC0415 - slow to load, and predicting does not need it

    folds = GroupKFold(n_splits=min(group_folds, len(present)), shuffle=True, random_state=seed)
    return tuple(Split(train, test) for train, test in folds.split(speaker, groups=speaker))


def _split(tested: npt.NDArray[np.bool_]) -> Split:
    return Split(np.flatnonzero(~tested), np.flatnonzero(tested))
