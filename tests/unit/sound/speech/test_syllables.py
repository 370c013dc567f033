"""Syllable nuclei: planted syllables are counted, noise has none; real speech has about the known number."""

import os

import numpy as np
import pytest

from ser_core.sound.speech import count_syllables
from tests.support.audio import noise

SR = 8000


def syllables(count, sr=SR, rate=4.0, pitch=140.0):
    t = np.arange(round(count / rate * sr)) / sr
    y = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 12))
    return (0.1 * y * np.sin(np.pi * rate * t) ** 2).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 7, 20])
@pytest.mark.parametrize("sr", [8000, 16000])
def test_planted_syllables_are_counted(count, sr):
    assert count_syllables(syllables(count, sr), sr) == count


def test_a_syllable_far_below_the_loudest_does_not_count():
    assert count_syllables(np.concatenate([syllables(3), 0.01 * syllables(2)]), SR) == 3


def test_without_a_dip_there_is_a_single_syllable():
    t = np.arange(2 * SR) / SR
    y = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12)) * np.hanning(2 * SR)
    assert count_syllables((0.1 * y).astype(np.float32), SR) == 1


def test_unvoiced_sounds_have_no_syllables():
    gated = noise(SR, 3.0) * (np.sin(2 * np.pi * 2 * np.arange(3 * SR) / SR) > 0)
    assert count_syllables(gated.astype(np.float32), SR) == 0
    for y in (np.zeros(SR, np.float32), np.ones(1, np.float32), np.ones(79, np.float32), np.ones(81, np.float32)):
        assert count_syllables(y, SR) == 0


@pytest.mark.corpus
@pytest.mark.skipif(not os.environ.get("SER_CORPORA"), reason="SER_CORPORA is not set")
def test_statements_of_seven_syllables():
    from tests.benchmarks.syllables import counted

    counts = counted(range(13, 25), every=8)
    assert np.mean(np.abs(counts - 7) <= 1) >= 0.8
    assert counts.mean() == pytest.approx(7, abs=0.6)
