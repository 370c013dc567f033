"""The feature set as the pipeline sees it: name, fingerprint, vectors."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.errors import SettingsError
from ser_core.sound.features import feature_set
from ser_core.sound.features.functionals import families
from tests.support.audio import noise, tone
from tests.support.voices import harmonics

SETTINGS = load_settings(["--config", "paper"], environ={})
CHOSEN = {"SER_FEATURES__SET": "functionals-v1"}


def make(**changes):
    chosen = {"set": "functionals-v1", **changes}
    return feature_set(SETTINGS.features.model_copy(update=chosen), SETTINGS.segments)


def talk(sr, duration_s=1.5):
    """A voice that moves, with pauses and noise."""
    t = np.arange(round(duration_s * sr)) / sr
    y = harmonics(140, sr, duration_s) * (np.sin(2 * np.pi * 2.5 * t) > -0.5)
    return y.astype(np.float32) + noise(sr, duration_s, 0.003)


@pytest.mark.parametrize(("sr", "name"), [(8000, "functionals-2632@8k"), (16000, "functionals-2632@16k")])
def test_the_name_and_the_names_of_features(sr, name):
    fs = make(sample_rate_hz=sr)
    assert fs.name == name
    assert fs.dimension == len(set(fs.feature_names)) == 2632
    assert all(part and " " not in part for feature in fs.feature_names for part in feature.split("_", 1))


def test_every_feature_is_of_one_family():
    by_family = families(make().feature_names)
    assert sorted(by_family) == sorted(
        [
            "pitch",
            "energy",
            "voice_quality",
            "formants",
            "cepstrum",
            "mel",
            "spectral_shape",
            "modulation",
            "covariance",
        ]
    )
    assert sorted(name for members in by_family.values() for name in members) == sorted(make().feature_names)
    assert "f0_voiced_mean" in by_family["pitch"]
    assert "formant1_voiced_p50" in by_family["formants"]
    assert "hnr_all_mean" in by_family["voice_quality"]
    assert "mfcc00_logcov_f0" not in by_family["cepstrum"]


def test_a_name_of_another_feature_set_has_no_family():
    with pytest.raises(ValueError, match="'chroma_C_mean' is not a feature of functionals-v1"):
        families(["chroma_C_mean"])


@pytest.mark.parametrize(
    "changes", [{"n_fft": 1024}, {"hop_length": 256}, {"mel_scale": "htk"}, {"mfcc": False}, {"chroma": False}]
)
def test_the_switches_of_another_feature_set_change_nothing(changes):
    assert make(**changes).id == make().id


def test_what_changes_a_number_changes_the_fingerprint():
    paper = feature_set(SETTINGS.features, SETTINGS.segments)
    chosen = SETTINGS.features.model_copy(update={"set": "functionals-v1"})
    other = feature_set(chosen, SETTINGS.segments.model_copy(update={"min_s": 1.0}))
    assert len({make().fingerprint, make(sample_rate_hz=16000).fingerprint, paper.fingerprint, other.fingerprint}) == 4


def test_its_own_parameters():
    """A change here orphans every stored vector: raise REVISION on purpose, never by accident."""
    shared = {"resampler", "segments"}
    paper, parameters = feature_set(SETTINGS.features, SETTINGS.segments).parameters, make().parameters
    own = {key: value for key, value in parameters.items() if key not in shared}
    assert own == {"set": "functionals-v1", "sample_rate_hz": 8000, "revision": 1}
    assert {key: parameters[key] for key in shared} == {key: paper[key] for key in shared}


def test_the_settings_choose_it():
    assert load_settings(environ=CHOSEN).features.set == "functionals-v1"
    off = {f"SER_FEATURES__{name}": "false" for name in ("MFCC", "CHROMA", "MEL")}
    assert load_settings(environ={**CHOSEN, **off}).features.set == "functionals-v1"


def test_a_rate_it_does_not_work_at_is_refused():
    with pytest.raises(SettingsError, match="8000 or more, not 6000"):
        load_settings(environ={**CHOSEN, "SER_FEATURES__SAMPLE_RATE_HZ": "6000"})


@pytest.mark.parametrize("shape", [(0,), (2, 800)])
def test_anything_but_a_segment_is_refused(shape):
    with pytest.raises(ValueError, match="segment 1 has the shape"):
        make().extract([tone(300, 8000, 0.5), np.zeros(shape, np.float32)])


@pytest.mark.parametrize("sr", [8000, 16000])
def test_vectors_are_the_same_alone_and_together_and_in_another_process(sr):
    fs = make(sample_rate_hz=sr)
    segments = [talk(sr), tone(200, sr, 0.4), np.zeros(sr, np.float32), talk(sr, 0.5)]
    together = fs.extract(segments)
    assert together.dtype == np.float32 and together.shape == (4, fs.dimension)
    for y, vector in zip(segments, together, strict=True):
        np.testing.assert_array_equal(fs.extract([y])[0], vector)
    travelled = pickle.loads(pickle.dumps(fs))
    assert travelled.id == fs.id
    np.testing.assert_array_equal(travelled.extract(segments), together)


def test_no_segments_are_no_vectors():
    assert make().extract([]).shape == (0, 2632)


def test_the_segment_is_left_as_it_was():
    y = talk(8000)
    before = y.copy()
    make().extract([y])
    np.testing.assert_array_equal(y, before)


def value(y, sr, name):
    fs = make(sample_rate_hz=sr)
    return fs.extract([y])[0][fs.feature_names.index(name)]


def test_values_are_those_that_the_names_promise():
    y = talk(16000)
    assert value(y, 16000, "f0_voiced_p50") == pytest.approx(12 * np.log2(140 / 27.5), abs=0.1)
    assert value(y / 10, 16000, "rms_voiced_mean") - value(y, 16000, "rms_voiced_mean") == pytest.approx(-20, abs=0.3)
    assert value(y, 16000, "hnr_voiced_p50") > 10
    assert value(noise(16000, 1.0), 16000, "flatness_all_mean") > -0.7


def test_silence_around_a_segment_changes_little():
    y, quiet = talk(8000), noise(8000, 0.4, 1e-4)
    fs = make()
    bare, padded = fs.extract([y, np.concatenate([quiet, y, quiet])])
    for name in ("f0_voiced_mean", "rms_voiced_mean", "mfcc01_voiced_mean", "centroid_voiced_mean"):
        i = fs.feature_names.index(name)
        assert padded[i] == pytest.approx(bare[i], rel=0.05, abs=0.5), name


def test_a_minute_is_one_vector_as_well():
    assert np.isfinite(make().extract([np.tile(talk(8000), 40)])).all()


def test_librosa_is_not_needed():
    code = (
        "import sys, numpy as np; from ser_core.sound.features.functionals.feature_set import descriptors, functionals;"
        "functionals(descriptors(np.zeros(16000, np.float32), 16000)); assert not {'librosa', 'numba'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
