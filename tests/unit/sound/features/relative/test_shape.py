"""The shape of spectra that are known."""

import numpy as np
import pytest

from ser_core.sound.features.relative.shape import SHAPES, shape
from ser_core.sound.features.relative.spectrum import spectrum, spectrum_plan
from tests.support.audio import noise, tone
from tests.support.voices import vowel

INNER = slice(5, -5)
VOICE = vowel(130, [(700.0, 80.0), (1200.0, 90.0)], 8000, 1.0)


def shapes(y, sr):
    return dict(zip(SHAPES, shape(spectrum(y, spectrum_plan(sr)).power, sr)[:, INNER], strict=True))


@pytest.mark.parametrize("sr", [8000, 16000])
def test_a_tone_is_at_its_frequency_and_white_noise_in_the_middle(sr):
    assert np.exp(shapes(tone(1000, sr, 1.0), sr)["centroid"]).mean() == pytest.approx(1050, abs=20)
    assert np.exp(shapes(noise(sr, 2.0), sr)["centroid"]).mean() == pytest.approx(sr / 4 + 50, rel=0.05)
    assert np.exp(shapes(noise(sr, 2.0), sr)["rolloff50"]).mean() == pytest.approx(sr / 4, rel=0.05)


def test_noise_is_flat_and_without_crests_and_a_voice_is_not():
    voice, hiss = shapes(VOICE, 8000), shapes(noise(8000, 1.0), 8000)
    assert hiss["flatness"].mean() > -0.8 > -2 > voice["flatness"].mean()
    assert hiss["crest1"].mean() < voice["crest1"].mean() - 0.5
    assert hiss["entropy"].mean() > voice["entropy"].mean() + 1


def test_a_steady_sound_has_little_flux_and_noise_much():
    assert shapes(tone(500, 8000, 1.0), 8000)["flux"].max() < 0.01
    assert shapes(noise(8000, 1.0), 8000)["flux"].mean() > 0.4


@pytest.mark.parametrize("gain", [0.003, 0.1])
def test_the_gain_changes_nothing(gain):
    y = VOICE + noise(8000, 1.0, 0.003)
    plain, changed = shapes(y, 8000), shapes(np.float32(gain) * y, 8000)
    for name in SHAPES:
        np.testing.assert_allclose(changed[name], plain[name], rtol=1e-3, atol=1e-3)
