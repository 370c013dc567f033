"""Corpora joined: names apart, folds within each."""

from __future__ import annotations

from ser_core.learning.training.joined_corpora import join_corpora, joined_folds
from tests.support.rows import labelled


def test_names_that_are_equal_stay_apart() -> None:
    one = labelled("happy sad", "s1 s2", ids="r1 r2")
    other = labelled("calm angry", "s1 s3", ids="r1 r3")
    data = join_corpora({"a": one, "b": other})
    assert data.corpus.tolist() == ["a", "a", "b", "b"]
    assert data.speaker.tolist() == ["a/s1", "a/s2", "b/s1", "b/s3"]
    assert data.recording_id.tolist() == ["a/r1", "a/r2", "b/r1", "b/r3"]
    assert data.emotion.tolist() == ["happy", "sad", "calm", "angry"]


def test_every_fold_has_speakers_of_every_corpus() -> None:
    speakers = [f"s{number}" for number in range(6)]
    one = labelled("happy " * 6, " ".join(speakers))
    other = labelled("sad " * 9, " ".join(f"t{number}" for number in range(9)))
    alone = labelled("sad", "u")
    data = join_corpora({"a": one, "b": other, "c": alone})
    published = {"a": (("s0", "s1"), ("s2", "s3"), ("s4", "s5")), "b": None, "c": None}
    folds = joined_folds(data, published, 3, 0)
    assert sorted(name for fold in folds for name in fold) == sorted(set(data.speaker.tolist()))
    assert [[name for name in fold if name.startswith("a/")] for fold in folds] == [
        ["a/s0", "a/s1"],
        ["a/s2", "a/s3"],
        ["a/s4", "a/s5"],
    ]
    assert [sum(name.startswith("b/") for name in fold) for fold in folds] == [3, 3, 3]
