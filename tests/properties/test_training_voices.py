from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.voice_groups import CALL_SEGMENTS, simulated_calls, whole_voices

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "speaker-2"]),
        st.sampled_from(["as_recorded", "line-1", "line-2"]),
        st.sampled_from(["sad", "happy", "angry"]),
    ),
    min_size=1,
    max_size=150,
)


@given(rows, st.integers(0, 5))
def test_every_row_is_in_one_call_of_its_own_voice(rows: list[tuple[str, str, str]], seed: int) -> None:
    speaker, condition, emotion = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    data = LabelledFeatures(
        np.zeros((n, 1), np.float32),
        emotion,
        speaker,
        np.arange(n).astype(str),
        np.ones(n),
        condition,
        np.full(n, ""),
        np.full(n, "planted"),
    )
    whole, calls = whole_voices(data), simulated_calls(data, seed)
    assert calls.shape == (n,)
    numbers, sizes = np.unique(calls, return_counts=True)
    assert numbers.tolist() == list(range(len(numbers)))
    for number, size in zip(numbers, sizes, strict=True):
        (voice,) = np.unique(whole[calls == number])
        assert size < sum(CALL_SEGMENTS)
        assert size >= min(CALL_SEGMENTS[0], np.count_nonzero(whole == voice))
