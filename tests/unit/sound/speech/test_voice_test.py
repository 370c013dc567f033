"""What is on a line beside voices is no speech, at any level; voices are."""

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.sound.segments import SpeechSegmenter
from ser_core.sound.speech.voice_test import is_voice
from tests.support.audio import noise
from tests.support.lines import LINES, SR, line
from tests.support.voices import sung_vowel

SETTINGS = load_settings(environ={}).segments
VOWELS = ([(730.0, 80.0), (1090.0, 90.0)], [(300.0, 60.0), (2200.0, 90.0)], [(500.0, 70.0), (1500.0, 90.0)])


def talk(f0, duration_s, seed=0):
    """Vowels of a fifth of a second and of gliding pitch, each its own level."""
    rng = np.random.default_rng(seed)
    parts = []
    for k in range(round(duration_s / 0.2)):
        y = sung_vowel(f0 * float(rng.uniform(0.85, 1.2)), VOWELS[k % 3], SR, 0.2)
        parts.append(y * np.hanning(len(y)) * rng.uniform(0.3, 1))
    return np.concatenate(parts).astype(np.float32)


def spoken(y):
    """Share of the time that is speech."""
    segmenter = SpeechSegmenter(SETTINGS, SR)
    segments = [*segmenter.push(y), *segmenter.finish()]
    assert bool(segments) == bool(segmenter.speech)
    return sum(end - start for start, end in segmenter.speech) / (len(y) / SR)


@pytest.mark.parametrize("level", [0.003, 0.03, 0.3])
@pytest.mark.parametrize("kind", list(LINES))
def test_what_is_on_a_line_is_no_speech(kind, level):
    assert spoken(line(kind, level)) <= 0.05


@pytest.mark.parametrize("kind", ["ring us", "keypad", "hum 50", "hiss", "breath", "music organ"])
def test_a_voice_behind_it_is_found(kind):
    y = line(kind, 0.03)
    y[18 * SR :] = 0
    y[20 * SR : 23 * SR] += talk(150, 3.0)
    y += noise(SR, len(y) / SR, 2e-4)[: len(y)]
    segmenter = SpeechSegmenter(SETTINGS, SR)
    [*segmenter.push(y), *segmenter.finish()]
    found = sum(max(0, min(end, 23) - max(start, 20)) for start, end in segmenter.speech)
    assert found > 2.3
    assert sum(end - start for start, end in segmenter.speech) < found + 1.5


@pytest.mark.parametrize("f0", [80, 150, 240, 330])
@pytest.mark.parametrize("snr_db", [None, 10])
def test_voices(f0, snr_db):
    y = talk(f0, 2.0)
    if snr_db is not None:
        y = y + noise(SR, 2.0, float(np.sqrt(np.mean(y**2))) * 10 ** (-snr_db / 20))[: len(y)]
    for gain in (1, 1e-2):
        assert is_voice(np.float32(gain) * y, SR)


@pytest.mark.parametrize("sr", [4000, 8000, 16000, 44100])
def test_every_rate_and_a_few_samples(sr):
    assert not is_voice(np.zeros(sr, np.float32), sr)
    assert not is_voice(noise(sr, 1.0), sr)
    assert not is_voice(np.ones(3, np.float32), sr)
