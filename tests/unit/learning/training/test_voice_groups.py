from __future__ import annotations

import numpy as np

from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.voice_groups import CALL_SEGMENTS, ONE_SIDED_SHARE, simulated_calls, whole_voices

CLASSES = ("neutral", "happy", "sad", "angry", "fearful")


def many(speakers: int = 40, rows: int = 200, conditions: tuple[str, ...] = ("as_recorded",)) -> LabelledFeatures:
    n = speakers * rows
    k = len(conditions)
    return LabelledFeatures(
        X=np.zeros((n * k, 1), np.float32),
        emotion=np.tile(np.array(CLASSES)[np.arange(n) % 5], k),
        speaker=np.tile(np.char.add("s", (np.arange(n) // rows).astype(str)), k),
        recording_id=np.tile(np.arange(n).astype(str), k),
        duration_s=np.ones(n * k),
        condition=np.repeat(np.array(conditions), n),
        language=np.full(n * k, ""),
        corpus=np.full(n * k, "planted"),
    )


def test_a_voice_is_a_speaker_under_one_condition() -> None:
    data = many(3, 4, ("as_recorded", "line-1"))
    voice = whole_voices(data)
    pairs = set(zip(data.speaker.tolist(), data.condition.tolist(), voice.tolist(), strict=True))
    assert len(pairs) == len({number for _, _, number in pairs}) == 6


def test_long_names_of_conditions_are_not_cut() -> None:
    data = many(1, 4, ("varied-1", "varied-2"))
    assert len(np.unique(whole_voices(data))) == 2


def test_calls_have_the_size_of_calls_and_one_voice() -> None:
    data = many(conditions=("as_recorded", "line-1"))
    calls, whole = simulated_calls(data, 0), whole_voices(data)
    sizes = np.bincount(calls)
    low, high = CALL_SEGMENTS
    assert sizes.min() >= low
    assert sizes.max() < high + low
    assert all(len(np.unique(whole[calls == call])) == 1 for call in np.unique(calls))


def test_half_of_the_calls_are_one_sided() -> None:
    data = many()
    calls = simulated_calls(data, 0)
    result = [data.emotion[calls == call] for call in np.unique(calls)]
    shares = np.array(
        [max(np.unique(emotions, return_counts=True)[1]) / len(emotions) for emotions in result if len(emotions) >= 8]
    )
    assert 0.4 < np.mean(shares >= ONE_SIDED_SHARE - 0.05) < 0.6
    assert np.median(shares[shares < 0.6]) < 0.4


def test_of_few_rows_an_emotion_one_sided_calls_are_short() -> None:
    """8 rows of an emotion make a call of 10 at the most, of which 8 are its own."""
    data = many(40, 40)
    calls = simulated_calls(data, 0)
    result = [data.emotion[calls == call] for call in np.unique(calls)]
    sided = [
        emotions
        for emotions in result
        if max(np.unique(emotions, return_counts=True)[1]) / len(emotions) >= ONE_SIDED_SHARE
    ]
    assert len(sided) > 0.2 * len(result)
    assert max(len(emotions) for emotions in sided) <= 10


def test_each_condition_is_dealt_anew_and_a_seed_gives_the_same() -> None:
    data = many(2, 100, ("as_recorded", "line-1"))
    calls = simulated_calls(data, 0)
    first, second = np.split(calls, 2)
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) > len(set(first.tolist()))
    np.testing.assert_array_equal(calls, simulated_calls(data, 0))
    assert not np.array_equal(calls, simulated_calls(data, 1))


def test_few_rows_are_one_call() -> None:
    assert simulated_calls(many(1, 3), 0).tolist() == [0, 0, 0]
