from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_core.emotions import SCHEMES, scheme_of
from ser_core.errors import TrainingError
from ser_core.learning.training.labelled_features import LabelledFeatures, class_index


def test_lengths_and_values_are_checked(planted: LabelledFeatures) -> None:
    with pytest.raises(TrainingError, match="expected equal"):
        dataclasses.replace(planted, speaker=planted.speaker[1:])
    with pytest.raises(TrainingError, match="expected equal"):
        dataclasses.replace(planted, condition=planted.condition[1:])
    with pytest.raises(TrainingError, match="no labelled segment"):
        planted.take(np.array([], dtype=np.intp))
    X = planted.X.copy()
    X[5, 0] = np.nan
    with pytest.raises(TrainingError, match=f"recording {planted.recording_id[5]}"):
        dataclasses.replace(planted, X=X)


def test_the_canonical_order_is_of_the_content(planted: LabelledFeatures) -> None:
    shuffled = planted.take(np.random.default_rng(1).permutation(len(planted)))
    one, other = planted.canonical(), shuffled.canonical()
    for column in dataclasses.fields(LabelledFeatures):
        np.testing.assert_array_equal(getattr(one, column.name), getattr(other, column.name))
    assert sorted(map(bytes, one.X)) == sorted(map(bytes, planted.X))


def test_rows_of_a_condition(planted: LabelledFeatures) -> None:
    names = np.array(["as_recorded", "line-1", "line-2"])[np.arange(len(planted)) % 3]
    data = dataclasses.replace(planted, condition=names)
    lines = data.of_condition("line-1", "line-2")
    np.testing.assert_array_equal(lines.X, planted.X[names != "as_recorded"])
    assert set(lines.condition.tolist()) == {"line-1", "line-2"}
    assert set(data.canonical().in_scheme(SCHEMES["contact-centre-4"]).condition.tolist()) == set(names.tolist())
    with pytest.raises(TrainingError, match="condition telephone; the conditions are as_recorded, line-1, line-2"):
        data.of_condition("telephone")


def test_copies_of_a_recording_have_an_order_too(planted: LabelledFeatures) -> None:
    """Rows that differ in nothing but the condition."""
    twice = planted.take(np.repeat(np.arange(len(planted)), 2))
    data = dataclasses.replace(twice, condition=np.array(["line-1", "as_recorded"] * len(planted)))
    shuffled = data.take(np.random.default_rng(1).permutation(len(data)))
    np.testing.assert_array_equal(data.canonical().condition, shuffled.canonical().condition)


def test_a_scheme_groups_and_leaves_out(planted: LabelledFeatures) -> None:
    grouped = planted.in_scheme(SCHEMES["contact-centre-4"])
    assert set(grouped.emotion.tolist()) == {"neutral", "happy", "distressed", "angry"}
    assert ((grouped.emotion == "distressed") == (planted.emotion == "sad")).all()
    kept = planted.in_scheme(scheme_of("corpus", {"sad", "happy"}))
    assert len(kept) == len(planted) // 2
    np.testing.assert_array_equal(kept.X, planted.X[np.isin(planted.emotion, ["sad", "happy"])])
    with pytest.raises(TrainingError, match="tutorial-4"):
        planted.in_scheme(SCHEMES["tutorial-4"])  # happy is the only one there


def test_places_in_the_scheme() -> None:
    assert class_index(np.array(["sad", "calm", "sad"]), ("calm", "sad")).tolist() == [1, 0, 1]
    with pytest.raises(TrainingError, match="angry"):
        class_index(np.array(["angry"]), ("calm", "sad"))
