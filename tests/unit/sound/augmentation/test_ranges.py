"""A drawn line: its band, its codecs, its noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ser_core.sound.audio.telephone_line import TELEPHONE, through_codec
from ser_core.sound.augmentation.ranges import ANOTHER_VOICE, ANY_LINE, STANDARD_LINE, Lines
from tests.support.audio import noise, tone

SR = 16000
QUIET = replace(STANDARD_LINE, snr_db=(90.0, 90.0), codecs=("pcm_16",))


def gain_db(frequency: float, lines: Lines) -> float:
    y = tone(frequency, SR, 1.0)
    out = lines.apply(y, SR, np.random.default_rng(0))
    inner = slice(SR // 4, 3 * SR // 4)
    return float(20 * np.log10(np.std(out[inner]) / np.std(y[inner])))


def test_the_band_passes_and_nothing_else() -> None:
    assert gain_db(1000, QUIET) == pytest.approx(0, abs=0.1)
    assert gain_db(100, QUIET) < -40
    assert gain_db(3800, QUIET) < -20
    assert gain_db(6000, QUIET) < -60


def test_a_narrow_band_stays_narrow_at_the_analysis_rate() -> None:
    y = noise(SR, 2.0)
    for seed in range(6):
        out = ANY_LINE.apply(y, SR, np.random.default_rng(seed))
        assert out.shape == y.shape and out.dtype == np.float32
        power = np.abs(np.fft.rfft(out)) ** 2
        assert power[2 * 4100 :].sum() < 1e-4 * power.sum()


@pytest.mark.parametrize("codec", ANY_LINE.codecs)
def test_every_codec_keeps_the_signal_in_its_place(codec: str) -> None:
    y = tone(440, SR, 1.0) * np.hanning(SR).astype(np.float32)
    out = replace(QUIET, codecs=(codec,)).apply(y, SR, np.random.default_rng(0))
    lags = np.correlate(out, y[2000:-2000], mode="valid")
    assert abs(int(lags.argmax()) - 2000) <= 2
    assert 10 * np.log10(np.sum(y**2) / np.sum((out - y) ** 2)) > (8 if codec == "gsm" else 25)


def test_the_noise_of_the_line_has_its_level() -> None:
    y = np.concatenate([np.zeros(SR, np.float32), tone(1000, SR, 2.0)])
    out = replace(STANDARD_LINE, codecs=("pcm_16",)).apply(y, SR, np.random.default_rng(0))
    quiet = np.mean(np.square(out[: SR - 800], dtype=np.float64))
    assert 10 * np.log10(np.mean(y[SR:] ** 2) / quiet) == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_the_error_of_g711_is_bounded(law: str) -> None:
    """Segments of 16 steps: of a loud sample at most half of a sixteenth of its segment's beginning is lost."""
    y = np.linspace(-0.99, 0.99, 8000, dtype=np.float32)[:, np.newaxis]
    error = np.abs(through_codec(y, 8000, law) - y)
    assert (error <= np.abs(y) / 32 + 2**-11).all()  # 2**-12 is the step of the quietest; libsndfile cuts A-law
    assert error.max() > 0.01  # 8 bits, not 16


def test_the_standard_line_is_the_telephone() -> None:
    assert (STANDARD_LINE.sample_rate, STANDARD_LINE.codecs) == (TELEPHONE.sample_rate, (TELEPHONE.codec,))
    assert (STANDARD_LINE.low_hz[0], STANDARD_LINE.high_hz[1]) == TELEPHONE.band_hz
    drawn = (STANDARD_LINE.low_hz, STANDARD_LINE.high_hz, STANDARD_LINE.snr_db)
    assert all(low == high for low, high in drawn) and STANDARD_LINE.snr_db[0] == TELEPHONE.snr_db


def test_drawn_factors_stay_within_their_range() -> None:
    """The length shows speed and tempo: it stays between those of the slowest and the fastest."""
    y = tone(300, SR, 2.0)
    lengths = np.array([len(ANOTHER_VOICE.apply(y, SR, np.random.default_rng(seed))) for seed in range(60)]) / len(y)
    assert lengths.min() >= 1 / 1.15 - 0.01 and lengths.max() <= 1 / 0.87 + 0.01
    assert np.ptp(lengths) > 0.15
