from __future__ import annotations

from collections import Counter

import pytest

from ser_core.errors import TrainingError
from ser_core.learning.training.sampling import RecordingRows, plan_sample

EMOTIONS = {"neutral": 1, "happy": 2, "sad": 2}


def corpus() -> list[RecordingRows]:
    return [
        RecordingRows(f"{speaker}-{emotion}-{number}", f"s{speaker}", emotion, 2)
        for speaker in range(10)
        for emotion, share in EMOTIONS.items()
        for number in range(4 * share)
    ]


def test_all_where_they_fit() -> None:
    assert len(plan_sample(corpus(), 400, 0)) == 200


def test_strata_and_speakers_keep_their_shares() -> None:
    chosen = plan_sample(corpus(), 100, 0)
    assert len(chosen) == 50
    emotions = Counter(name.split("-")[1] for name in chosen)
    assert emotions == {"neutral": 10, "happy": 20, "sad": 20}
    for emotion, each in EMOTIONS.items():
        speakers = Counter(name.split("-")[0] for name in chosen if name.split("-")[1] == emotion)
        assert set(speakers.values()) == {each}
        assert len(speakers) == 10


def test_a_recording_of_two_emotions_is_counted_whole_and_once() -> None:
    counts = [RecordingRows("a", "s", "sad", 3), RecordingRows("a", "s", "happy", 4), RecordingRows("b", "s", "sad", 5)]
    assert plan_sample(counts, 6, 0) == ("b",)
    assert plan_sample(counts, 11, 0) in {("a",), ("b",)}
    assert plan_sample(counts, 12, 0) == ("a", "b")


def test_nothing_fits() -> None:
    with pytest.raises(TrainingError, match="the shortest 11"):
        plan_sample([RecordingRows("a", "s", "sad", 11)], 10, 0)
