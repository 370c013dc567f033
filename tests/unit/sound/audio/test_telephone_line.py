from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf

from ser_core.sound.audio.telephone_line import CODECS, TELEPHONE, Line, encode, over_line
from tests.support.audio import tone

SR = 16000
RNG = np.random.default_rng(0)
QUIET = Line(8000, "pcm_16", (300.0, 3400.0), None)


def gain_db(frequency: float) -> float:
    y = tone(frequency, SR, 1.0)[:, np.newaxis]
    out = over_line(y, SR, QUIET, np.zeros(1), RNG)
    assert out.shape == (8000, 1)
    middle = slice(2000, 6000)
    return float(20 * np.log10(np.std(out[middle]) / np.std(y)))


def test_the_band_of_a_telephone() -> None:
    assert gain_db(1000) == pytest.approx(0, abs=0.1)
    assert gain_db(300) == pytest.approx(-6, abs=1)  # forwards and backwards: twice 3 dB at the edge
    assert gain_db(60) < -40
    assert gain_db(5000) < -60  # nothing folds back


def test_nothing_is_delayed() -> None:
    click = np.zeros((SR, 1), np.float32)
    click[SR // 2] = 0.5
    assert np.abs(over_line(click, SR, QUIET, np.zeros(1), RNG)).argmax() == pytest.approx(4000, abs=1)


def test_never_beyond_full_scale() -> None:
    y = np.full((SR, 2), 1.0, np.float32)
    out = over_line(y, SR, TELEPHONE, np.zeros(2), RNG)
    assert np.abs(out).max() < 1
    assert encode(out, 8000, "ulaw")


@pytest.mark.parametrize("name", sorted(CODECS))
def test_every_codec_can_be_decoded(name: str) -> None:
    channels = CODECS[name].max_channels
    rate = 16000 if name == "opus" else 8000
    y = np.repeat(tone(440, rate, 2.0)[:, np.newaxis], channels, axis=1)
    decoded, sr = sf.read(io.BytesIO(encode(y, rate, name)), always_2d=True)
    assert decoded.shape[1] == channels
    spectrum = np.abs(np.fft.rfft(decoded[:, 0]))
    assert spectrum.argmax() * sr / len(decoded) == pytest.approx(440, abs=2)


def test_impossible_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="codec 'g729' is not known"):
        Line(8000, "g729", None, None)
    with pytest.raises(ValueError, match="not within 0 and half"):
        Line(8000, "ulaw", (300.0, 5000.0), None)
    with pytest.raises(ValueError, match="gsm holds 1 channel, not 2"):
        encode(np.zeros((8000, 2), np.float32), 8000, "gsm")
