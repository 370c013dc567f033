from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from ser_core.errors import TrainingError
from ser_core.learning.corpora.ravdess import FOLDS
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import random_split, speaker_folds


def test_the_random_split_is_by_recording_and_stratified(planted: LabelledFeatures) -> None:
    split = random_split(planted, seed=0)
    train, test = planted.take(split.train), planted.take(split.test)
    assert len(train) + len(test) == len(planted)
    assert not set(train.recording_id) & set(test.recording_id)
    assert Counter(test.emotion.tolist()) == dict.fromkeys(("neutral", "happy", "sad", "angry"), 12)  # a quarter of 48
    assert set(train.speaker) & set(test.speaker)  # which is why it is called optimistic
    assert not np.array_equal(split.test, random_split(planted, seed=1).test)


def test_one_recording_an_emotion_cannot_be_split(planted: LabelledFeatures) -> None:
    with pytest.raises(TrainingError, match="No emotion has two recordings"):
        random_split(dataclasses.replace(planted, recording_id=planted.emotion), seed=0)


@pytest.mark.parametrize("published", [None, FOLDS, (("speaker-0", "speaker-1"), ("speaker-2",))])
def test_speakers_are_in_train_or_in_test(
    planted: LabelledFeatures, published: tuple[tuple[str, ...], ...] | None
) -> None:
    folds = speaker_folds(planted.speaker, published, 5, seed=0)
    assert len(folds) == 5
    for fold in folds:
        assert not set(planted.speaker[fold.train]) & set(planted.speaker[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(planted)))
    assert sorted(row for fold in folds for row in fold.test) == list(range(len(planted)))


def test_published_folds_are_kept() -> None:
    speaker = np.array([name for fold in FOLDS for name in fold] * 3)
    folds = speaker_folds(speaker, FOLDS, 3, seed=0)
    assert [set(speaker[fold.test]) for fold in folds] == [set(fold) for fold in FOLDS]
    for fold in folds:
        assert not set(speaker[fold.train]) & set(speaker[fold.test])


def test_published_folds_without_their_speakers_fall_away() -> None:
    folds = speaker_folds(np.array(["actor-01", "actor-02", "actor-03"]), FOLDS, 5, seed=0)
    assert [fold.test.tolist() for fold in folds] == [[1], [2], [0]]
    alone = speaker_folds(np.array(["actor-02", "actor-05"]), FOLDS, 5, seed=0)  # both in fold 0: nothing to train on
    assert [len(fold.train) for fold in alone] == [1, 1]


def test_no_more_folds_than_speakers_and_two_at_least() -> None:
    assert len(speaker_folds(np.array(["a", "b", "a"]), None, 5, seed=0)) == 2
    with pytest.raises(TrainingError, match="one speaker"):
        speaker_folds(np.array(["a", "a"]), None, 5, seed=0)
