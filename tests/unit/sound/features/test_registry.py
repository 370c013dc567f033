"""Names, identities and fingerprints of feature sets."""

import pickle

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.sound.features import feature_set
from tests.support.audio import noise

SETTINGS = load_settings(["--config", "paper"], environ={})


def make(features=None, segments=None):
    return feature_set(
        SETTINGS.features.model_copy(update=features or {}), SETTINGS.segments.model_copy(update=segments or {})
    )


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "paper-180@8k"),
        ({"sample_rate_hz": 16000}, "paper-180@16k"),
        ({"sample_rate_hz": 22050}, "paper-180@22.05k"),
        ({"mel": False}, "paper-52@8k"),
        ({"mfcc": False, "chroma": False}, "paper-128@8k"),
    ],
)
def test_names(changes, name):
    fs = make(changes)
    assert fs.name == name
    assert fs.id == f"{name}:{fs.fingerprint}"
    assert fs.dimension == len(fs.feature_names) == len(set(fs.feature_names))


def test_the_order_of_features():
    names = make().feature_names
    assert (names[0], names[39], names[40], names[49]) == (
        "mfcc_01_mean",
        "mfcc_40_mean",
        "chroma_C_mean",
        "chroma_A_mean",
    )
    assert (names[52], names[179]) == ("mel_001_mean", "mel_128_mean")


@pytest.mark.parametrize(
    ("features", "segments"),
    [
        ({"sample_rate_hz": 16000}, {}),
        ({"n_fft": 1024}, {}),
        ({"hop_length": 256}, {}),
        ({"mel_scale": "htk"}, {}),
        ({"chroma": False}, {}),
        ({}, {"min_s": 1.0}),
        ({}, {"mode": "whole"}),
        ({}, {"mode": "window"}),
        ({}, {"max_s": 5.0}),
        ({}, {"pause_s": 0.3}),
        ({}, {"margin_s": 0.1}),
        ({}, {"above_noise_db": 3.0}),
        ({}, {"below_peak_db": 30.0}),
    ],
)
def test_every_parameter_that_changes_a_number_changes_the_fingerprint(features, segments):
    assert make(features, segments).fingerprint != make().fingerprint


def test_a_window_that_is_not_used_changes_nothing():
    whole = make(segments={"mode": "whole"})
    assert make(segments={"mode": "whole", "window_s": 9.0}).id == whole.id
    assert make(segments={"window_s": 9.0}).id == make().id
    assert make(segments={"mode": "window", "window_s": 9.0}).id != make(segments={"mode": "window"}).id


def test_the_fingerprint_is_the_same_in_every_process_and_release():
    """A change here orphans every stored vector: raise REVISION on purpose, never by accident."""
    assert make().id == "paper-180@8k:93774caaceaa"


def test_a_feature_set_travels():
    fs = pickle.loads(pickle.dumps(make()))
    assert fs.id == make().id
    y = [noise(8000, 1.0)]
    np.testing.assert_array_equal(fs.extract(y), make().extract(y))
