"""Harmonics and formants of voices whose harmonics and resonances are known, at every pitch."""

import numpy as np
import pytest

from ser_core.sound.features.functionals.pitch import pitch
from ser_core.sound.features.functionals.source_plan import SourceFrames
from ser_core.sound.features.relative.harmonics import envelope_through, formants_of, harmonic_levels
from tests.support.voices import sung_vowel

A = [(730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0)]
E = [(530.0, 70.0), (1840.0, 90.0), (2480.0, 120.0)]
SCHWA = [(500.0, 70.0), (1500.0, 90.0), (2500.0, 120.0)]


def formants(f0, resonances):
    frames = SourceFrames(sung_vowel(f0, resonances, 8000, 1.0), 8000, 100)
    hz = pitch(frames).hz
    curve = envelope_through(harmonic_levels(frames.power, hz, 8000.0), hz, 8000.0)
    return np.median(formants_of(curve, 8000.0)[5:-5], axis=0)


@pytest.mark.parametrize("resonances", [A, E, SCHWA], ids=["a", "e", "schwa"])
@pytest.mark.parametrize("f0", [110, 150, 200, 250, 297, 330])
def test_formants_are_those_of_the_vowel_and_not_harmonics(f0, resonances):
    for found, (hz, _) in zip(formants(f0, resonances), resonances, strict=True):
        assert found == pytest.approx(hz, abs=max(75, 0.13 * hz))


def test_the_levels_of_harmonics():
    t = np.arange(8000) / 8000
    levels = [0, -6, -12, -3, -18, -9]
    y = sum(0.1 * 10 ** (db / 20) * np.cos(2 * np.pi * 200 * (k + 1) * t) for k, db in enumerate(levels))
    frames = SourceFrames(y.astype(np.float32), 8000, 100)
    found = harmonic_levels(frames.power, np.full(100, 200, np.float32), 8000.0)[5:-5].mean(axis=0)
    np.testing.assert_allclose(found[1:7] - found[1], levels, atol=0.7)
    assert found[0] == found[1]


def test_the_curve_goes_through_the_levels():
    levels = np.arange(65, dtype=np.float32)[np.newaxis] ** 2 / 50
    curve = envelope_through(levels, np.array([125.0], np.float32), 8000.0)[0]
    np.testing.assert_allclose(curve[::2][1:], levels[0, 1:33], atol=1e-4)
    np.testing.assert_allclose(curve[3:-1:2], np.arange(1.5, 32) ** 2 / 50, atol=0.02)
