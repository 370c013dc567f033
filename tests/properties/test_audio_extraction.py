"""Any recording gives finite vectors or a refusal."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.config import load_settings
from ser_core.errors import Refusal
from ser_core.sound.extraction import ExtractionPlan, extract
from tests.support.audio import encode, noise, tone

BASE = load_settings(["--config", "paper"], environ={})


def plan(sample_rate_hz=8000, mode="window", window_s=0.5, min_s=0.1):
    return ExtractionPlan(
        BASE.features.model_copy(update={"sample_rate_hz": sample_rate_hz}),
        BASE.segments.model_copy(update={"mode": mode, "window_s": window_s, "min_s": min_s, "pause_s": 0.1}),
        BASE.audio,
        BASE.limits,
        BASE.roles.model_copy(update={"mono": "customer"}),
        ("customer", "agent"),
    )


def check(data, plan):
    try:
        channels = extract(io.BytesIO(data), len(data), plan).channels
    except Refusal as refused:
        assert refused.detail
        return
    assert channels
    for channel in channels:
        n = len(channel.vectors)
        assert channel.vectors.shape == (n, plan.feature_set.dimension)
        assert np.isfinite(channel.vectors).all()
        assert len(channel.start_s) == len(channel.end_s) == len(channel.segment_loudness_dbfs) == n
        assert (channel.start_s < channel.end_s).all()
        assert (channel.end_s <= channel.duration_s).all()
        assert (channel.start_s[1:] >= channel.end_s[:-1]).all()
        assert -120 <= channel.loudness_dbfs < 200
        times = np.array(channel.speech).reshape(-1)
        assert (np.diff(times) > 0).all() and (times >= 0).all() and (times <= channel.duration_s).all()
        assert channel.syllables >= 0


@st.composite
def signals(draw):
    samples = draw(st.one_of(st.integers(1, 40), st.integers(1, 12000)))
    kind = draw(st.sampled_from(["noise", "constant", "click", "square", "ramp"]))
    level = draw(st.sampled_from([0.0, 1e-30, 1e-6, 3e-4, 0.5, 1.0, 1e4]))
    y = {
        "noise": lambda: np.random.default_rng(draw(st.integers(0, 99))).uniform(-1, 1, samples),
        "constant": lambda: np.ones(samples),
        "click": lambda: np.eye(1, samples, samples // 2)[0],
        "square": lambda: np.sign(np.sin(np.arange(samples) / 3) + 1e-9),
        "ramp": lambda: np.linspace(-1, 1, samples),
    }[kind]()
    return (level * y).astype(np.float32)


@settings(max_examples=120)
@given(
    y=signals(),
    stereo=st.booleans(),
    sr=st.sampled_from([1000, 4000, 8000, 11025, 16000, 44100, 192000, 768000]),
    kind=st.sampled_from([("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "ALAW"), ("AU", "DOUBLE")]),
    target=st.sampled_from([8000, 16000]),
    mode=st.sampled_from(["speech", "window", "whole"]),
)
def test_any_signal_gives_finite_vectors_or_a_refusal(y, stereo, sr, kind, target, mode):
    block = np.stack([y, y[::-1]], axis=1) if stereo else y
    check(encode(block, sr, *kind), plan(target, mode))


FILES = [
    encode(tone(440, 16000, 1.0) + noise(16000, 1.0, 0.05), 16000, *kind)
    for kind in [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("AIFF", "PCM_16"),
        ("AU", "ULAW"),
        ("FLAC", "PCM_16"),
        ("W64", "PCM_16"),
    ]
]


@settings(max_examples=200)
@given(
    which=st.integers(0, len(FILES) - 1),
    at=st.integers(0, 200),
    damage=st.binary(min_size=1, max_size=16),
    cut=st.one_of(st.none(), st.integers(0, 4000)),
)
def test_a_damaged_file_gives_finite_vectors_or_a_refusal(which, at, damage, cut):
    data = FILES[which]
    damaged = data[:at] + damage + data[at + len(damage) :]
    check(damaged[: len(damaged) - cut] if cut else damaged, plan())


@settings(max_examples=100)
@given(
    data=st.binary(max_size=400),
    head=st.sampled_from(
        [b"", b"RIFF\x40\x00\x00\x00WAVEfmt ", b"fLaC", b"OggS", b"FORM\0\0\0\x40AIFF", b".snd", b"riff"]
    ),
)
def test_any_bytes_are_refused_or_extracted(data, head):
    check(head + data, plan())
