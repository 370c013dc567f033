"""The level of a channel's own speech, what is far below it, and the real legs of two calls."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from ser_core.config import load_settings
from ser_core.sound.segments import SpeechSegmenter
from ser_core.sound.speech.own_level import OwnSpeech, frame_levels, own_level
from tests.support.audio import noise
from tests.support.calls import mask

SR = 8000
LEGS = [f"Auto_Repairs_{call}_UTC_{side}" for call in (40, 49) for side in ("agent", "caller")]


def test_levels_of_frames():
    levels = frame_levels(noise(SR, 1.0, 0.1), SR)
    assert len(levels) == 100 and levels.mean() == pytest.approx(-20, abs=0.5)
    assert frame_levels(np.zeros(3, np.float32), SR).tolist() == [-120]


def test_the_own_level_is_the_speakers_even_where_an_echo_lasts_longer():
    own, echo = np.full(100, -20, np.int8), np.full(1900, -55, np.int8)
    assert own_level(np.concatenate([echo, own])) == -20
    assert own_level(np.empty(0, np.int8)) == -120


def test_an_echo_and_a_pause_are_no_speech_and_a_closure_is():
    of = OwnSpeech(SR)
    loud = noise(SR, 1.0, 0.1)
    quiet = np.float32(10 ** (-40 / 20))
    of.add(1.0, np.concatenate([loud, np.zeros(1000, np.float32), loud, np.zeros(4000, np.float32), loud]))
    of.add(10.0, quiet * loud)
    np.testing.assert_allclose(of.spans(), [(1, 3.125), (3.625, 4.625)], atol=0.03)
    assert of.lowest_segment_db() == pytest.approx(-57, abs=1)


def test_pieces_of_one_stretch_are_one_span():
    of = OwnSpeech(SR)
    of.add(1.0, noise(SR, 1.0, 0.1))
    of.add(2.0, noise(SR, 1.0, 0.1))
    np.testing.assert_allclose(of.spans(), [(1, 3)], atol=0.02)


def speech_of(y, sr):
    segmenter = SpeechSegmenter(load_settings(environ={}).segments, sr)
    [*segmenter.push(y), *segmenter.finish()]
    return segmenter.speech


def levels_of(y, sr, window_s):
    """Decibels around every hundredth of a second, over `window_s`."""
    hop, n = sr // 100, round(window_s * sr)
    until = np.concatenate([[0], np.cumsum(np.square(np.pad(y.astype(float), (n // 2, n))))])
    at = np.arange(len(y) // hop) * hop + hop // 2
    return 10 * np.log10((until[at + n] - until[at]) / n + 1e-12)


@pytest.mark.corpus
@pytest.mark.skipif(not os.environ.get("SER_CORPORA"), reason="SER_CORPORA is not set")
def test_the_legs_of_real_calls():
    """By level alone: a leg's own level is the 90 % quantile over 20 ms. Speech 30 dB below it, over a quarter of a
    second, so that closures and short pauses do not count, is the other party's, or the line's."""
    folder = Path(os.environ["SER_CORPORA"]) / "real-calls" / "auto-repairs"
    speaking = []
    for leg in LEGS:
        y, sr = sf.read(folder / f"{leg}.wav", dtype="float32")
        short, long = levels_of(y, sr, 0.02), levels_of(y, sr, 0.25)
        own = np.quantile(short, 0.9)
        inside = mask(speech_of(y, sr), len(short))
        assert np.mean(long[inside] < own - 30) <= 0.01, leg
        assert np.mean(inside[short > own - 15]) >= 0.97, leg
        speaking.append(inside)
    for agent, caller in (speaking[:2], speaking[2:]):
        n = min(len(agent), len(caller))
        assert np.mean(agent[:n] & caller[:n]) <= 0.15
