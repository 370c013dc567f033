"""The tuning of tones that are off by a known share of a semitone."""

import numpy as np
import pytest

from ser_core.features.spectra import frames_of, power_blocks
from ser_core.features.tuning import spectral_peaks, tuning_of
from tests.support.audio import tone

SR, N_FFT = 8000, 2048


def peaks(y):
    return [spectral_peaks(power, SR) for power in power_blocks(frames_of(y, N_FFT, 512))]


@pytest.mark.parametrize("semitones", [-0.4, -0.2, 0.0, 0.2, 0.4])
def test_a_chord_off_a440_is_found(semitones):
    chord = sum(tone(440 * 2 ** ((step + semitones) / 12), SR, 3.0, 0.2) for step in (0, 4, 7))
    assert tuning_of(peaks(chord)) == pytest.approx(semitones, abs=0.03)


def test_a_peak_is_placed_between_bins():
    frequency, magnitude = peaks(tone(1001.3, SR, 2.0))[0]
    assert np.median(frequency[magnitude > np.median(magnitude)]) == pytest.approx(1001.3, abs=0.5)


def test_silence_has_no_peaks_and_no_tuning():
    found = peaks(np.zeros(SR, np.float32))
    assert found[0][0].size == 0
    assert tuning_of(found) == 0.0


def test_peaks_stay_between_150_and_4000_hz():
    low = tone(100, SR, 1.0)
    frequency, _ = peaks(low + 0.5 * tone(500, SR, 1.0))[0]
    assert frequency.min() > 140
    assert tuning_of([(np.empty(0, np.float32), np.empty(0, np.float32))]) == 0.0
