"""The vector of any segment is finite and repeatable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.config import load_settings
from ser_core.sound.features import feature_set
from tests.support.voices import harmonics

SETTINGS = load_settings(environ={})
SETS = {
    sr: feature_set(
        SETTINGS.features.model_copy(update={"set": "functionals-v1", "sample_rate_hz": sr}), SETTINGS.segments
    )
    for sr in (8000, 11025, 16000)
}
LEVELS = st.sampled_from([0.0, 1e-30, 1e-6, 1e-4, 0.01, 0.3, 1.0])


@st.composite
def segments(draw):
    """A rate and a segment of silence, offset, noise, tone, voice and clicks in any mixture."""
    sr = draw(st.sampled_from(sorted(SETS)))
    n = draw(st.integers(1, 2 * sr))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    t = np.arange(n) / sr
    y = draw(LEVELS) * rng.standard_normal(n) + draw(LEVELS) * draw(st.sampled_from([-1, 1]))
    y += draw(LEVELS) * np.sin(2 * np.pi * draw(st.floats(0, sr / 2)) * t)
    y += draw(LEVELS) * harmonics(draw(st.floats(60, 800)), sr, n / sr, 1.0)
    for at in draw(st.lists(st.integers(0, n - 1), max_size=4)):
        y[at] = draw(st.sampled_from([-1.0, 1.0]))
    if draw(st.booleans()):
        first, last = sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n))))
        y[first:last] = 0
    return sr, np.clip(y, -1, 1).astype(np.float32)


@settings(max_examples=150)
@given(segments())
def test_vectors_are_finite_and_repeatable(segment):
    sr, y = segment
    first, second = SETS[sr].extract([y, y.copy()])
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(SETS)),
    st.floats(70, 400),
    st.floats(0, 0.3),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.25, 0.5]),
)
def test_half_the_level_of_what_is_loud_is_as_periodic(sr, f0, noise, seed, gain):
    y = harmonics(f0, sr, 1.0, 0.5) + noise * np.random.default_rng(seed).standard_normal(sr)
    y = np.clip(y, -1, 1).astype(np.float32)
    plain, changed = SETS[sr].extract([y, np.float32(gain) * y])
    voicing = SETS[sr].feature_names.index("voicing_voiced_mean")
    assert changed[voicing] == pytest.approx(plain[voicing], abs=0.05)
