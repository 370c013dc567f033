from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf

from ser_core.config import load_settings
from ser_core.learning.annotation.clips import cut, wav
from ser_core.sound.audio import open_audio
from tests.support.audio import encode

SR = 8000


def test_spans_across_blocks_and_channels() -> None:
    y = np.random.default_rng(0).uniform(-0.9, 0.9, (25 * SR, 2)).astype(np.float32)
    data = encode(y, SR, subtype="FLOAT")
    spans = [(0, 0.0, 0.5), (1, 9.0, 21.0), (0, 24.5, 25.5)]
    with open_audio(io.BytesIO(data), len(data), load_settings(environ={}).limits) as reader:
        result = cut(reader, spans)
    for (channel, start_s, end_s), clip in zip(spans, result, strict=True):
        assert np.array_equal(clip, y[int(start_s * SR) : int(end_s * SR), channel])


def test_a_clip_is_a_wav_without_overflow() -> None:
    y, sr = sf.read(io.BytesIO(wav(np.array([0.5, 1.5, -2.0], dtype=np.float32), SR)), dtype="float32")
    assert sr == SR
    assert y == pytest.approx([0.5, 1.0, -1.0], abs=1e-4)
