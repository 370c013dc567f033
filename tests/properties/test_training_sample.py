from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from ser_core.learning.training.sampling import RecordingRows, plan_sample

recordings = st.lists(
    st.builds(
        RecordingRows,
        st.integers(0, 40).map(str),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["sad", "happy", "angry"]),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=60,
)


@given(recordings, st.integers(10, 200), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_plan(counts: list[RecordingRows], max_rows: int, seed: int, random: Any) -> None:
    rows: dict[str, int] = {}
    for count in counts:
        rows[count.recording_id] = rows.get(count.recording_id, 0) + count.rows
    assume(min(rows.values()) <= max_rows)
    chosen = plan_sample(counts, max_rows, seed)
    assert len(set(chosen)) == len(chosen)
    total = sum(rows[name] for name in chosen)
    assert total <= max_rows
    left = [rows[name] for name in rows.keys() - set(chosen)]
    assert not left or total + min(left) > max_rows  # nothing more would have fitted
    random.shuffle(counts)
    assert plan_sample(counts, max_rows, seed) == chosen
