"""The paper's features against theory: tones, silence, clicks, switches."""

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.sound.features import feature_set, paper
from tests.support.audio import noise, tone

SETTINGS = load_settings(["--config", "paper"], environ={})
SR = 8000


def features(**changes):
    return feature_set(SETTINGS.features.model_copy(update=changes), SETTINGS.segments)


def part(vector, names, prefix):
    return vector[[i for i, name in enumerate(names) if name.startswith(prefix)]]


def named(y, prefix, **changes):
    fs = features(**changes)
    return part(fs.extract([y])[0], fs.feature_names, prefix)


@pytest.mark.parametrize(
    ("frequency", "pitch_class"),
    [(440.0, "A"), (220.0, "A"), (880.0, "A"), (261.63, "C"), (329.63, "E"), (466.16, "A#"), (1479.98, "F#")],
)
def test_a_tone_lands_in_its_pitch_class(frequency, pitch_class):
    fs = features()
    chroma = part(fs.extract([tone(frequency, SR, 2.0)])[0], fs.feature_names, "chroma_")
    classes = [name.split("_")[1] for name in fs.feature_names if name.startswith("chroma_")]
    assert classes[int(chroma.argmax())] == pitch_class


def test_a_tone_off_pitch_is_tuned_before_it_is_classed():
    sharp = 440.0 * 2 ** (0.4 / 12)
    assert int(named(tone(sharp, SR, 2.0), "chroma_").argmax()) == 9


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("frequency", [300.0, 1000.0, 3000.0])
def test_a_tone_lands_in_its_mel_band(scale, frequency):
    def to_mel(f):
        if scale == "htk":
            return 2595 * np.log10(1 + f / 700)
        return f * 3 / 200 if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)

    centres = to_mel(SR / 2) * np.arange(1, 129) / 129
    expected = int(np.abs(centres - to_mel(frequency)).argmin())
    assert abs(int(named(tone(frequency, SR, 2.0), "mel_", mel_scale=scale).argmax()) - expected) <= 1


def test_a_click_is_flat():
    y = np.zeros(SR, np.float32)
    y[SR // 2] = 0.5
    mel = named(y, "mel_", n_fft=4096)
    areas = mel / mel.mean()
    assert areas.min() > 0.7 and areas.max() < 1.3  # bands of equal area under a flat spectrum


def test_silence_is_the_floor_in_the_first_coefficient_and_nothing_else():
    silent = features().extract([np.zeros(SR, np.float32)])[0]
    assert silent[0] == pytest.approx(-100 * np.sqrt(128), rel=1e-6)  # 10 log10 1e-10 in all bands
    np.testing.assert_allclose(silent[1:], 0, atol=1e-3)


def test_ten_times_the_amplitude_is_a_hundred_times_the_power_and_20_db():
    y = noise(SR, 2.0, level=0.01)
    fs = features()
    quiet, loud = fs.extract([y, 10 * y])
    np.testing.assert_allclose(part(loud, fs.feature_names, "mel_"), 100 * quiet[52:], rtol=1e-5)
    np.testing.assert_allclose(loud[40:52], quiet[40:52], atol=1e-5)
    assert loud[0] - quiet[0] == pytest.approx(20 * np.sqrt(128), rel=1e-4)
    np.testing.assert_allclose(loud[1:40], quiet[1:40], atol=1e-3)


@pytest.mark.parametrize("samples", [1, 2, 100, 2047, 2048])
@pytest.mark.parametrize("n_fft", [64, 2047, 2048])
def test_segments_shorter_than_a_frame(samples, n_fft):
    vector = features(n_fft=n_fft, hop_length=min(512, n_fft)).extract([noise(SR, samples / SR)])
    assert vector.shape == (1, 180)
    assert np.isfinite(vector).all()


def test_vectors_do_not_depend_on_their_neighbours():
    fs = features()
    parts = [noise(SR, 1.0, seed=1), tone(440, SR, 4.0), noise(SR, 0.01, seed=2)]
    alone = np.concatenate([fs.extract([y]) for y in parts])
    # matrix products of other shapes add up in another order
    np.testing.assert_allclose(fs.extract(parts), alone, rtol=1e-5, atol=2e-5)
    np.testing.assert_array_equal(fs.extract(parts), fs.extract(parts))
    assert fs.extract([]).shape == (0, 180)
    assert fs.extract(parts).dtype == np.float32


def test_many_segments_in_several_batches_are_those_of_each(monkeypatch):
    monkeypatch.setattr(paper, "BLOCK_SAMPLES", 2048 * 20)
    fs = features()
    parts = [noise(SR, 0.3 * i, seed=i) + tone(400 + i, SR, 0.3 * i) for i in range(1, 12)]
    alone = np.concatenate([fs.extract([y]) for y in parts])
    np.testing.assert_allclose(fs.extract(parts), alone, rtol=1e-5, atol=2e-5)


def test_switches_leave_features_out_and_change_none():
    y = noise(SR, 1.0)
    whole = features()
    for off in [("mfcc",), ("chroma",), ("mel",), ("mfcc", "chroma"), ("chroma", "mel"), ("mfcc", "mel")]:
        fs = features(**dict.fromkeys(off, False))
        kept = [whole.feature_names.index(name) for name in fs.feature_names]
        np.testing.assert_array_equal(fs.extract([y])[0], whole.extract([y])[0][kept])
        assert {name.split("_")[0] for name in fs.feature_names} == {"mfcc", "chroma", "mel"} - {*off}


@pytest.mark.parametrize("y", [np.empty(0, np.float32), np.zeros((10, 1), np.float32)])
def test_anything_but_a_segment_is_refused(y):
    with pytest.raises(ValueError, match=r"expected \(samples,\)"):
        features().extract([y])
