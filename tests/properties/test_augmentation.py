"""A copy of any channel is finite, within full scale, and the same whenever it is made."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.config.training_settings import AugmentationSettings
from ser_core.sound.augmentation import TELEPHONE_CONDITION, Condition, training_conditions

CONDITIONS = (*training_conditions(AugmentationSettings(varied=3, line=3, seed=0)), TELEPHONE_CONDITION)


@st.composite
def channels(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """A channel of up to half a second, of any level, also beyond full scale, with silence in it."""
    sr = draw(st.sampled_from([8000, 16000, 22050]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y = rng.standard_normal(draw(st.integers(1, sr // 2))) * 10.0 ** draw(st.integers(-6, 6))
    quiet = draw(st.integers(0, len(y)))
    y[:quiet] = 0.0
    return y.astype(np.float32), sr


@given(channels(), st.permutations(CONDITIONS), st.text(max_size=5))
@settings(max_examples=40)
def test_copies_are_finite_and_repeatable(channel: tuple[np.ndarray, int], order: list[Condition], key: str) -> None:
    y, sr = channel
    before = y.copy()
    first = {condition.name: condition.apply(y, sr, key) for condition in order}
    for condition in reversed(order):
        out = first[condition.name]
        assert out.dtype == np.float32 and out.ndim == 1 and len(out) >= 1
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= 1.0
        np.testing.assert_array_equal(out, condition.apply(y, sr, key))
    np.testing.assert_array_equal(y, before)
