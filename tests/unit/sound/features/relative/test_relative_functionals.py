"""The feature set as the pipeline sees it: names, families, fingerprint, and what changes no vector."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.errors import SettingsError
from ser_core.sound.features import feature_set
from ser_core.sound.features.relative.relative_names import family_of_relative
from tests.support.audio import noise, tone
from tests.support.voices import sung_vowel

SETTINGS = load_settings(["--config", "paper"], environ={})
VOWELS = (
    [(730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0)],
    [(300.0, 60.0), (2200.0, 90.0), (2900.0, 120.0)],
)


def make(sr=8000, **changes):
    chosen = {"set": "functionals-v2", "sample_rate_hz": sr, **changes}
    return feature_set(SETTINGS.features.model_copy(update=chosen), SETTINGS.segments)


def talk(sr, seed=0, syllables=8):
    """Vowels of changing pitch and length over a quiet line."""
    rng = np.random.default_rng(seed)
    parts = []
    for k in range(syllables):
        y = sung_vowel(float(rng.uniform(120, 190)), VOWELS[k % 2], sr, float(rng.uniform(0.15, 0.25)))
        parts.append(y * np.hanning(len(y)) * rng.uniform(0.3, 1))
    y = np.concatenate(parts).astype(np.float32)
    return y + noise(sr, len(y) / sr, 1e-4, seed=seed)[: len(y)]


def vectors(sr, *segments):
    fs = make(sr)
    return [dict(zip(fs.feature_names, v, strict=True)) for v in fs.extract(list(segments))]


def moved(one, other, *without):
    """Change of each feature but those of pauses and of the families `without`, in its deviations over utterances."""
    fs = make()
    scales = dict(zip(one, np.std(fs.extract([talk(8000, seed) for seed in range(30, 50)]), axis=0), strict=True))
    names = [n for family, members in fs.families.items() if family not in {"pauses", *without} for n in members]
    return np.array([abs(other[name] - one[name]) / max(scales[name], 1e-3) for name in names])


@pytest.mark.parametrize("sr", [8000, 16000])
def test_names_and_families(sr):
    fs = make(sr)
    assert fs.name == f"functionals-{fs.dimension}@{sr // 1000}k"
    assert len(set(fs.feature_names)) == fs.dimension == fs.extract([talk(sr)]).shape[1]
    assert sorted(name for members in fs.families.values() for name in members) == sorted(fs.feature_names)
    assert "f0_voiced_mean" in fs.families["pitch"]
    assert "alpha_all_mean" in fs.families["shape"]
    assert "mel03_against_loud" in fs.families["contrast"]
    assert "mfcc03_delta_std" in fs.families["movement"]
    assert fs.families["modulation"][0] == "centroid_modulation_12hz"
    assert fs.dimension == 1109
    assert fs.families["pauses"] == ("pause_share", "pause_rate", "pause_mean", "pause_longest")


def test_a_name_of_another_feature_set_has_no_family():
    with pytest.raises(ValueError, match="'logmel00_all_mean' is not a feature of functionals-v2"):
        family_of_relative("logmel00_all_mean")


def test_its_own_parameters():
    """A change here orphans every stored vector: raise REVISION on purpose, never by accident."""
    own = {key: value for key, value in make().parameters.items() if key not in {"resampler", "segments"}}
    assert own == {"set": "functionals-v2", "sample_rate_hz": 8000, "revision": 1}
    assert make(n_fft=512, mfcc=False).id == make().id


def test_both_sets_of_functionals_are_there():
    first = feature_set(SETTINGS.features.model_copy(update={"set": "functionals-v1"}), SETTINGS.segments)
    assert first.dimension == 2632 and first.id != make().id


def test_a_rate_it_does_not_work_at_is_refused():
    with pytest.raises(SettingsError, match="functionals-v2 needs a sample_rate_hz of 8000 or more, not 6000"):
        load_settings(environ={"SER_FEATURES__SET": "functionals-v2", "SER_FEATURES__SAMPLE_RATE_HZ": "6000"})


@pytest.mark.parametrize("sr", [8000, 16000])
@pytest.mark.parametrize("gain", [0.05, 0.3, 3.0])
def test_the_gain_of_a_recording_changes_nothing(sr, gain):
    plain, changed = vectors(sr, talk(sr), np.float32(gain) * talk(sr))
    for name, value in plain.items():
        assert changed[name] == pytest.approx(value, rel=2e-3, abs=2e-3), name


@pytest.mark.parametrize("pause_s", [0.2, 0.4])
def test_a_pause_within_a_segment_changes_the_features_of_pauses_only(pause_s):
    first, second = talk(8000, 1), talk(8000, 2)
    gap = np.zeros(round(pause_s * 8000), np.float32)
    bare, paused = vectors(8000, np.concatenate([first, second]), np.concatenate([first, gap, second]))
    assert paused["pause_share"] > bare["pause_share"] + 0.03
    assert np.exp(paused["pause_longest"]) - 0.05 == pytest.approx(pause_s, abs=0.08)
    changes = moved(bare, paused)
    assert changes.mean() < 0.25 and np.quantile(changes, 0.95) < 1  # functionals-v1: 2.1 to 2.5, and 10


def test_silence_around_a_segment_changes_little():
    y, quiet = talk(8000), np.zeros(1600, np.float32)
    changes = moved(*vectors(8000, y, np.concatenate([quiet, y, quiet])))
    assert changes.mean() < 0.1 and np.quantile(changes, 0.95) < 0.4


def test_the_same_again_is_the_same_voice():
    once, twice = vectors(8000, talk(8000), np.tile(talk(8000), 2))
    assert moved(once, twice, "modulation", "rhythm").mean() < 0.25  # of a longest stretch, and of what recurs exactly


@pytest.mark.parametrize("shape", [(0,), (2, 800)])
def test_anything_but_a_segment_is_refused(shape):
    with pytest.raises(ValueError, match="segment 1 has the shape"):
        make().extract([tone(300, 8000, 0.5), np.zeros(shape, np.float32)])


@pytest.mark.parametrize("sr", [8000, 16000])
def test_vectors_are_the_same_alone_and_together_and_in_another_process(sr):
    fs = make(sr)
    segments = [talk(sr), tone(200, sr, 0.4), np.zeros(sr, np.float32), talk(sr, 3, syllables=2)]
    together = fs.extract(segments)
    assert together.dtype == np.float32 and together.shape == (4, fs.dimension) and np.isfinite(together).all()
    for y, vector in zip(segments, together, strict=True):
        np.testing.assert_array_equal(fs.extract([y])[0], vector)
    travelled = pickle.loads(pickle.dumps(fs))
    assert travelled.id == fs.id
    np.testing.assert_array_equal(travelled.extract(segments), together)


def test_no_segments_are_no_vectors_and_segments_stay_as_they_were():
    assert make().extract([]).shape == (0, make().dimension)
    y = talk(8000)
    before = y.copy()
    make().extract([y])
    np.testing.assert_array_equal(y, before)


def test_a_minute_is_one_vector_as_well():
    assert np.isfinite(make().extract([np.tile(talk(8000), 40)])).all()


def test_librosa_is_loaded_with_the_first_segment():
    code = (
        "import sys, numpy as np; from ser_core.config import load_settings; from ser_core.sound.features import "
        "feature_set; s = load_settings(['--features.set', 'functionals-v2'], environ={}); fs = "
        "feature_set(s.features, s.segments); fs.families; assert 'librosa' not in sys.modules; "
        "fs.extract([np.zeros(8000, np.float32)]); assert 'librosa' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
