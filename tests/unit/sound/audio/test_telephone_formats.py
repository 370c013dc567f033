"""What call recorders write: G.711 as ITU-T defines it, with a header and without; ADPCM, GSM, MP3, Opus."""

import io

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.audio_settings import Headerless
from ser_core.errors import Reason, Refusal
from ser_core.sound.audio import open_audio
from tests.support.audio import encode, noise, tone

SR = 8000
LIMITS = load_settings(environ={}).limits


def ulaw_decoded(code):
    """ITU-T G.711, table 2: a byte → a sample of 14 bits."""
    code = ~np.asarray(code, np.uint8) & 0xFF
    magnitude = ((2 * (code & 0x0F).astype(int) + 33) << ((code >> 4) & 7)) - 33
    return np.where(code & 0x80, -magnitude, magnitude) / 8192


def alaw_decoded(code):
    """ITU-T G.711, table 1: a byte → a sample of 13 bits."""
    code = np.asarray(code, np.uint8) ^ 0x55
    exponent, mantissa = ((code >> 4) & 7).astype(int), (code & 0x0F).astype(int)
    magnitude = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude) / 4096


def decode(data, headerless=None):
    with open_audio(io.BytesIO(data), len(data), LIMITS, headerless) as reader:
        return reader.info, np.concatenate(list(reader.blocks(1.0)))


@pytest.mark.parametrize(("codec", "formula"), [("ulaw", ulaw_decoded), ("alaw", alaw_decoded)])
def test_headerless_g711_is_decoded_by_the_formula(codec, formula):
    codes = np.random.default_rng(0).integers(0, 256, 4000, np.uint8)
    codes[:256] = np.arange(256)
    info, y = decode(codes.tobytes(), Headerless(codec=codec, sample_rate_hz=SR, channels=2))
    assert (info.codec, info.sample_rate, info.channels, info.frames) == (codec, SR, 2, 2000)
    np.testing.assert_allclose(y.ravel(), formula(codes), atol=1e-6)


def test_a_header_wins_over_the_setting():
    y = tone(440, SR, 1.0)
    info, x = decode(encode(y, SR, "WAV", "PCM_16"), Headerless(codec="ulaw", sample_rate_hz=16000, channels=1))
    assert (info.codec, info.sample_rate) == ("pcm_16", SR)
    np.testing.assert_allclose(x[:, 0], y, atol=1e-4)


@pytest.mark.parametrize(
    "data",
    [b"<html><body>404 Not Found</body></html>\n", b'{"words": [{"text": "hello", "start": 0.5}]}', b"PK\x03\x04" * 99],
)
def test_a_document_is_no_headerless_audio(data):
    with pytest.raises(Refusal) as refused:
        decode(data, Headerless(codec="ulaw", sample_rate_hz=SR, channels=1))
    assert refused.value.reason is Reason.NOT_AUDIO


def test_without_the_setting_bytes_without_a_header_are_refused():
    with pytest.raises(Refusal, match="not_audio"):
        decode(np.random.default_rng(0).integers(0, 256, 4000, np.uint8).tobytes())


@pytest.mark.parametrize(
    ("container", "subtype", "codec", "snr_db"),
    [
        ("WAV", "PCM_16", "pcm_16", 60),
        ("WAV", "ULAW", "ulaw", 30),
        ("WAV", "ALAW", "alaw", 30),
        ("WAV", "GSM610", "gsm610", 5),
        ("WAV", "IMA_ADPCM", "ima_adpcm", 15),
        ("WAV", "MS_ADPCM", "ms_adpcm", 15),
        ("FLAC", "PCM_16", "flac", 60),
        ("MP3", "MPEG_LAYER_III", "mp3", 5),
        ("OGG", "OPUS", "opus", 3),
    ],
)
def test_telephone_formats_of_8_khz_come_back(container, subtype, codec, snr_db):
    y = sum(tone(f, SR, 2.0, 0.1) for f in (300, 700, 1500)) + noise(SR, 2.0, 0.001)
    info, x = decode(encode(y, SR, container, subtype))
    assert (info.codec, info.sample_rate) == (codec, SR)
    x = x[: len(y), 0]
    error = min(np.mean((x[lag : lag + 14000] - y[:14000]) ** 2) for lag in range(1000 if snr_db < 10 else 1))
    assert 10 * np.log10(np.mean(y**2) / error) > snr_db
