"""Pitch, periodicity, formants and level against Praat and openSMILE, and all of it on recordings."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from ser_core.sound.features.functionals.feature_set import descriptors, functionals
from ser_core.sound.features.functionals.spectral import SPECTRAL
from ser_core.sound.features.functionals.voice_quality import VOICE, voice_descriptors
from tests.support.audio import noise
from tests.support.voices import vowel

A = [(730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0)]


def recordings(count):
    root = os.environ.get("SER_CORPORA")
    if not root:
        pytest.skip("SER_CORPORA is not set")
    clips = sorted(Path(root).glob("ravdess/speech-16k/Actor_*/*.flac"))
    for path in clips[:: max(1, len(clips) // count)][:count]:
        y, sr = sf.read(path, dtype="float32", always_2d=True)
        yield np.ascontiguousarray(y.mean(axis=1)), sr


def voice(y, sr):
    x, voiced = voice_descriptors(y, sr, len(y) * 100 // sr)
    return dict(zip(VOICE, x, strict=True)), voiced


@pytest.mark.corpus
def test_recordings_have_finite_vectors_of_a_human_pitch():
    pitches = []
    for y, sr in recordings(24):
        of = descriptors(y, sr)
        assert np.isfinite(functionals(of)).all()
        pitches.append(27.5 * 2 ** (np.median(of.x[len(SPECTRAL), of.voiced]) / 12))
    assert 80 < min(pitches) < 180 and 200 < max(pitches) < 600


@pytest.mark.peers
@pytest.mark.corpus
def test_pitch_on_recordings_is_praats():
    parselmouth = pytest.importorskip("parselmouth")
    apart, agreed = [], []
    for y, sr in recordings(24):
        values, voiced = voice(y, sr)
        pitch = parselmouth.Sound(y.astype(np.float64), sr).to_pitch_ac(0.01, 65, pitch_ceiling=650)
        at = (np.arange(len(voiced)) + 0.5) / 100
        praat = np.array([pitch.get_value_at_time(t) for t in at])
        both = voiced & np.isfinite(praat)
        apart.append(np.abs(values["f0"][both] - 12 * np.log2(praat[both] / 27.5)))
        agreed.append(np.isfinite(praat)[voiced])
    apart, agreed = np.concatenate(apart), np.concatenate(agreed)
    assert np.median(apart) < 0.1
    assert np.mean(apart < 1) > 0.9
    assert agreed.mean() > 0.7


@pytest.mark.peers
def test_periodicity_and_formants_of_a_vowel_are_praats():
    parselmouth = pytest.importorskip("parselmouth")
    y = vowel(125, A, 8000, 2.0) + noise(8000, 2.0, 0.005)
    values, _ = voice(y, 8000)
    sound = parselmouth.Sound(y.astype(np.float64), 8000)
    harmonicity = sound.to_harmonicity_ac(0.01, 75, periods_per_window=4.5).values
    assert np.median(values["hnr"]) == pytest.approx(np.median(harmonicity[harmonicity > -100]), abs=2.5)
    formants = sound.to_formant_burg(0.01, 4, 4000)
    for k in (1, 2, 3):
        praat = np.nanmedian([formants.get_value_at_time(k, t) for t in np.arange(0.2, 1.8, 0.01)])
        assert np.exp(np.median(values[f"formant{k}"])) == pytest.approx(praat, rel=0.06)


@pytest.mark.peers
@pytest.mark.corpus
def test_pitch_and_level_of_recordings_go_with_opensmile():
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    ours, theirs = [], []
    for y, sr in recordings(24):
        of = descriptors(y, sr)
        lld = smile.process_signal(y, sr)
        pitch = lld["F0semitoneFrom27.5Hz_sma3nz"].to_numpy()
        ours.append([np.median(of.x[len(SPECTRAL), of.voiced]), np.percentile(of.x[SPECTRAL.index("loudness")], 95)])
        theirs.append([np.median(pitch[pitch > 0]), np.percentile(lld["Loudness_sma3"], 95)])
    ours, theirs = np.log(ours), np.log(theirs)
    for i, least in enumerate((0.9, 0.9)):
        assert np.corrcoef(ours[:, i], theirs[:, i])[0, 1] > least
