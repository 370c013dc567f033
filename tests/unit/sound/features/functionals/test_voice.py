"""Pitch, voice quality and formants against voices whose pitch, noise and resonances are known."""

import numpy as np
import pytest

from ser_core.sound.features.functionals.formants import NEUTRAL_HZ, envelope
from ser_core.sound.features.functionals.pitch import pitch
from ser_core.sound.features.functionals.source_plan import SourceFrames
from ser_core.sound.features.functionals.voice_quality import VOICE, voice_descriptors
from tests.support.audio import noise, tone
from tests.support.voices import harmonics, vowel

INNER = slice(5, -5)
A = [(730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0)]
E = [(530.0, 70.0), (1840.0, 90.0), (2480.0, 120.0)]
SCHWA = [(500.0, 70.0), (1500.0, 90.0), (2500.0, 120.0)]


def course(y, sr):
    return pitch(SourceFrames(y, sr, round(len(y) / sr * 100)))


def voice(y, sr):
    x, voiced = voice_descriptors(y, sr, round(len(y) / sr * 100))
    assert x.shape == (len(VOICE), len(voiced)) and x.dtype == np.float32
    return dict(zip(VOICE, x[:, INNER], strict=True)), voiced


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("f0", [75.0, 110.0, 147.3, 220.0, 330.0, 500.0])
def test_f0_of_a_pulse_train(f0, sr):
    result = course(harmonics(f0, sr, 0.6), sr)
    assert result.voiced[INNER].all()
    np.testing.assert_allclose(result.hz[INNER], f0, rtol=0.01)
    assert result.strength[INNER].min() > 0.9


@pytest.mark.parametrize("f0", [100.0, 200.0, 400.0])
def test_f0_of_a_tone(f0):
    np.testing.assert_allclose(course(tone(f0, 8000, 0.6), 8000).hz[INNER], f0, rtol=0.01)


def test_f0_of_a_glide():
    t = np.arange(16000) / 16000
    hz = 120 * 2**t
    phase = 2 * np.pi * np.cumsum(hz) / 16000
    y = (0.05 * sum(np.cos(k * phase) for k in range(1, 13))).astype(np.float32)
    result = course(y, 16000).hz
    np.testing.assert_allclose(result[INNER], np.interp(np.arange(100) + 0.5, t * 100, hz)[INNER], rtol=0.015)


def test_a_missing_fundamental_is_the_pitch():
    t = np.arange(8000) / 8000
    y = (0.1 * sum(np.cos(2 * np.pi * 150 * k * t) for k in (3, 4, 5, 6))).astype(np.float32)
    np.testing.assert_allclose(course(y, 8000).hz[INNER], 150, rtol=0.01)


def test_voiced_where_there_is_voice():
    y = np.concatenate([noise(8000, 0.5, 0.02), harmonics(140, 8000, 0.5), noise(8000, 0.5, 0.02)])
    voiced = course(y, 8000).voiced
    assert voiced[53:97].all()
    assert voiced[:45].mean() < 0.1 and voiced[105:].mean() < 0.1


def test_pitch_is_carried_over_unvoiced_frames():
    y = np.concatenate([harmonics(100, 8000, 0.5), noise(8000, 0.3, 0.02), harmonics(130, 8000, 0.5)])
    semitones = course(y, 8000).semitones
    assert semitones.min() == pytest.approx(12 * np.log2(100 / 27.5), abs=0.2)
    assert semitones.max() == pytest.approx(12 * np.log2(130 / 27.5), abs=0.2)


@pytest.mark.parametrize("signal", ["silence", "click", "noise"])
def test_at_least_five_frames_count_as_voiced(signal):
    y = {"silence": np.zeros(4000), "click": np.eye(1, 4000, 2000)[0], "noise": noise(8000, 0.5)}[signal]
    result = course(y.astype(np.float32), 8000)
    assert result.voiced.sum() >= 5
    assert np.isfinite(result.semitones).all()


@pytest.mark.parametrize("hnr", [0.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("f0", [120.0, 210.0])
def test_the_harmonics_to_noise_ratio_of_a_known_mix(f0, hnr):
    y = harmonics(f0, 8000, 4.0, 0.1) + noise(8000, 4.0, 0.1 * 10 ** (-hnr / 20))
    result, _ = voice(y, 8000)
    assert np.mean(result["hnr"]) == pytest.approx(hnr, abs=2)


def test_a_steady_voice_has_the_least_jitter_and_shimmer_and_an_unsteady_one_more():
    rng = np.random.default_rng(0)
    t = np.arange(16000) / 8000
    wobble = np.interp(t, np.arange(0, 2, 0.01), rng.standard_normal(200))
    phase = 2 * np.pi * np.cumsum(150 * (1 + 0.02 * wobble)) / 8000
    shaken = (0.05 * (1 + 0.2 * wobble) * sum(np.cos(k * phase) for k in range(1, 20))).astype(np.float32)
    steady, _ = voice(harmonics(150, 8000, 2.0), 8000)
    unsteady, _ = voice(shaken, 8000)
    assert steady["jitter"].mean() == pytest.approx(np.log(0.01), abs=0.3)
    assert unsteady["jitter"].mean() > steady["jitter"].mean() + 2
    assert unsteady["shimmer"].mean() > steady["shimmer"].mean() + 0.5


def test_the_levels_of_harmonics():
    t = np.arange(8000) / 8000
    levels = [0, -6, -12, -3, -18, -9]
    y = sum(0.1 * 10 ** (db / 20) * np.cos(2 * np.pi * 200 * (k + 1) * t) for k, db in enumerate(levels))
    result, _ = voice(y.astype(np.float32), 8000)
    assert result["h1h2"].mean() == pytest.approx(6, abs=0.7)
    for k in range(2, 7):
        assert result[f"harm{k}"].mean() == pytest.approx(levels[k - 1] - np.mean(levels), abs=0.7)


@pytest.mark.parametrize("sr", [8000, 16000])
@pytest.mark.parametrize("formants", [A, E, SCHWA], ids=["a", "e", "schwa"])
def test_the_formants_of_a_vowel(formants, sr):
    result, _ = voice(vowel(110, formants, sr, 1.0), sr)
    for k, (hz, _) in enumerate(formants):
        assert np.exp(np.median(result[f"formant{k + 1}"])) == pytest.approx(hz, abs=max(60, 0.07 * hz))


def test_silence_has_neutral_formants_and_predicts_nothing():
    result = envelope(SourceFrames(np.zeros(8000, np.float32), 8000, 100))
    np.testing.assert_allclose(result.formants_hz, np.tile(NEUTRAL_HZ, (100, 1)))
    np.testing.assert_allclose(result.gain, 0, atol=1e-6)


def test_a_tone_is_predicted_and_noise_is_not():
    predictable = envelope(SourceFrames(tone(700, 8000, 1.0), 8000, 100)).gain[INNER].mean()
    assert predictable < -4
    assert envelope(SourceFrames(noise(8000, 1.0), 8000, 100)).gain[INNER].mean() > -1


@pytest.mark.parametrize("sr", [11025, 16000, 22050, 48000])
def test_frames_of_another_rate_are_in_phase_with_those_at_8_khz(sr):
    at = 0.3
    centre = [np.arange(round(0.6 * r)) / r - at for r in (8000, sr)]
    low, high = (
        SourceFrames(np.exp(-((t / 0.004) ** 2)).astype(np.float32), r, 60)
        for t, r in zip(centre, (8000, sr), strict=True)
    )
    moments = [(np.abs(f.windowed) ** 2).sum(axis=1) @ np.arange(60) / (f.windowed**2).sum() for f in (low, high)]
    assert moments[1] == pytest.approx(moments[0], abs=0.05 + 0.003 * 60 * (sr % 100 > 0))
