"""The tuning of tones that are off by a known share of a semitone."""

import numpy as np
import pytest

from ser_core.sound.features.spectra import Frames, power_spectra
from ser_core.sound.features.tuning import Peaks, spectral_peaks, tunings
from tests.support.audio import noise, tone

SR, N_FFT = 8000, 2048


def peaks(y, double=False):
    frames = Frames.of([y], N_FFT, 512)
    return spectral_peaks(power_spectra(frames.line, frames.at, double), SR), frames.bounds


def chord(semitones):
    return sum(tone(440 * 2 ** ((step + semitones) / 12), SR, 3.0, 0.2) for step in (0, 4, 7))


@pytest.mark.parametrize("semitones", [-0.4, -0.2, 0.0, 0.2, 0.4])
def test_the_tuning_of_a_chord_off_a440(semitones):
    assert tunings(*peaks(chord(semitones))) == pytest.approx([semitones], abs=0.03)


def test_each_segment_has_its_own_tuning():
    ys = [chord(0.3), np.zeros(SR, np.float32), chord(-0.2)]
    frames = Frames.of(ys, N_FFT, 512)
    result = tunings(spectral_peaks(power_spectra(frames.line, frames.at), SR), frames.bounds)
    assert result == pytest.approx([0.3, 0.0, -0.2], abs=0.03)


@pytest.mark.parametrize("off", [-0.31, 0.0, 0.123])
def test_a_peak_is_placed_between_bins(off):
    result, _ = peaks(tone(440 * 2 ** ((off + 14) / 12), SR, 2.0))
    loud = result.deviation[result.magnitude > np.median(result.magnitude)]
    assert np.median(loud) == pytest.approx(off, abs=0.01)


def test_silence_has_no_peaks_and_no_tuning():
    result, bounds = peaks(np.zeros(SR, np.float32))
    assert result.frame.size == 0
    assert tunings(result, bounds) == [0.0]


def test_peaks_stay_between_150_and_4000_hz():
    result, _ = peaks(tone(100, SR, 1.0) + 0.2 * tone(3000, SR, 1.0))
    assert result.frame.size == 0  # the tone at 3,000 Hz is 14 dB below the one that does not count


def test_a_click_is_doubtful_and_a_chord_is_not():
    y = np.zeros(SR, np.float32)
    y[SR // 2] = 0.5
    result, _ = peaks(y)
    assert set(range(6, 9)) <= {*result.doubtful.tolist()}
    result, _ = peaks(chord(0.123))
    assert len(result.doubtful) < 0.1 * result.frame.max()


def test_frames_that_are_not_doubtful_are_the_same_in_double_precision():
    y = noise(SR, 20.0)
    (single, _), (double, _) = peaks(y), peaks(y, double=True)
    doubtful = single.doubtful
    assert 0 < len(doubtful) < 0.5 * single.frame.max()  # noise has 200 peaks a frame
    sure, exact = (np.isin(block.frame, doubtful, invert=True) for block in (single, double))
    np.testing.assert_array_equal(single.frame[sure], double.frame[exact])
    bars = [np.floor(100 * block.deviation[keep]) for block, keep in ((single, sure), (double, exact))]
    np.testing.assert_array_equal(*bars)


def test_replaced_frames_have_the_other_peaks():
    def of(frame, magnitude):
        return Peaks(np.array(frame), np.zeros(len(frame)), np.array(magnitude), np.array([1, 3]))

    result = of([0, 1, 1, 3, 4], [0.0, 1.0, 1.0, 3.0, 4.0]).replaced(
        np.array([1, 3]), of([0, 1, 1], [10.0, 30.0, 31.0])
    )
    assert result.frame.tolist() == [0, 1, 3, 3, 4]
    assert result.magnitude.tolist() == [0, 10, 30, 31, 4]
    assert result.doubtful.size == 0
