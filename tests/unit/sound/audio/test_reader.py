"""Decoding: what is written comes back, whatever the container; streams of unknown length; limits."""

import io

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.errors import Reason, Refusal
from ser_core.sound.audio import Resampler, open_audio
from tests.support.audio import encode, noise, tone, with_data_size

SR = 16000
LIMITS = load_settings(environ={}).limits

FORMATS = [
    ("WAV", "PCM_16", "pcm_16", 1e-4),
    ("WAV", "PCM_U8", "pcm_u8", 1e-2),
    ("WAV", "PCM_24", "pcm_24", 1e-6),
    ("WAV", "FLOAT", "float", 0),
    ("WAV", "ULAW", "ulaw", 2e-2),
    ("WAV", "ALAW", "alaw", 2e-2),
    ("WAV", "IMA_ADPCM", "ima_adpcm", None),
    ("WAV", "GSM610", "gsm610", None),
    ("WAVEX", "PCM_16", "pcm_16", 1e-4),
    ("RF64", "PCM_16", "pcm_16", 1e-4),
    ("W64", "PCM_16", "pcm_16", 1e-4),
    ("AIFF", "PCM_16", "pcm_16", 1e-4),
    ("AU", "ULAW", "ulaw", 2e-2),
    ("CAF", "PCM_16", "pcm_16", 1e-4),
    ("FLAC", "PCM_16", "flac", 1e-4),
    ("MP3", "MPEG_LAYER_III", "mp3", None),
    ("OGG", "VORBIS", "vorbis", None),
    ("OGG", "OPUS", "opus", None),
]


def decode(data, limits=LIMITS, block_s=0.7):
    with open_audio(io.BytesIO(data), len(data), limits) as reader:
        return reader.info, np.concatenate(list(reader.blocks(block_s)))


@pytest.mark.parametrize(("container", "subtype", "codec", "tolerance"), FORMATS)
def test_what_was_written_is_read(container, subtype, codec, tolerance):
    y = tone(440, SR, 3.1) + noise(SR, 3.1, 0.02)
    info, x = decode(encode(y, SR, container, subtype))
    assert (info.codec, info.sample_rate, info.channels) == (codec, SR, 1)
    assert x.dtype == np.float32
    assert len(y) <= len(x) < len(y) + 1100  # GSM and ADPCM end with whole blocks
    assert info.frames == len(x)
    if tolerance is None:
        assert np.corrcoef(x[: len(y), 0], y)[0, 1] > 0.9
    else:
        np.testing.assert_allclose(x[: len(y), 0], y, atol=tolerance)


@pytest.mark.parametrize(("container", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"), ("FLAC", "PCM_16")])
def test_the_size_of_blocks_changes_no_sample(container, subtype):
    data = encode(tone(300, SR, 4.0) + noise(SR, 4.0, 0.02), SR, container, subtype)
    np.testing.assert_allclose(decode(data, block_s=0.25)[1], decode(data, block_s=60)[1], atol=1e-6)


def test_blocks_have_the_length_asked_for_and_channels_stay_apart():
    left, right = tone(300, 8000, 2.5), noise(8000, 2.5)
    data = encode(np.stack([left, right], axis=1), 8000)
    with open_audio(io.BytesIO(data), len(data), LIMITS) as reader:
        blocks = list(reader.blocks(1.0))
    assert [block.shape for block in blocks] == [(8000, 2), (8000, 2), (4000, 2)]
    np.testing.assert_allclose(np.concatenate(blocks), np.stack([left, right], axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("riff_size", "data_size"), [(0, 0), (8, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000)]
)
def test_a_streamed_wav_of_unknown_length_is_read_to_its_end(riff_size, data_size):
    y = noise(SR, 1.5)
    _, x = decode(with_data_size(encode(y, SR), riff_size, data_size))
    np.testing.assert_allclose(x[:, 0], y, atol=1e-4)


def test_a_flac_of_unknown_length_is_read_to_its_end():
    y = noise(SR, 1.5)
    data = bytearray(encode(y, SR, "FLAC"))
    data[21] &= 0xF0  # STREAMINFO: 36 bits of total samples
    data[22:26] = bytes(4)
    info, x = decode(bytes(data))
    assert info.frames is None
    assert len(x) == len(y)


def test_a_damaged_chunk_behind_the_sound_is_ignored():
    y = noise(SR, 0.5)
    data = encode(y, SR) + b"LIST\xff\x00\x00\x00INFO"
    assert len(decode(data)[1]) == len(y)


def test_tags_around_an_mp3_are_ignored():
    data = encode(tone(440, SR, 3.0), SR, "MP3", "MPEG_LAYER_III")
    id3 = b"ID3\x04\x00\x00\x00\x00\x07\x68" + bytes(1000)
    tagged = id3 + data + b"TAG" + bytes(125)
    np.testing.assert_allclose(decode(tagged)[1], decode(data)[1], atol=1e-6)


def test_a_name_says_nothing_about_the_format(tmp_path):
    path = tmp_path / "call.raw"
    path.write_bytes(encode(noise(SR, 0.5), SR))
    with path.open("rb") as source, open_audio(source, path.stat().st_size, LIMITS) as reader:
        assert sum(map(len, reader.blocks(1.0))) == SR // 2


def test_the_caller_closes_the_source():
    source = io.BytesIO(encode(noise(SR, 0.5), SR))
    with open_audio(source, len(source.getvalue()), LIMITS) as reader:
        list(reader.blocks(1.0))
    assert not source.closed


def test_limits_are_named_with_the_value_that_exceeds_them():
    data = encode(np.zeros((SR, 3), np.float32), SR)
    for limits, reason, words in [
        ({"max_channels": 2}, Reason.TOO_MANY_CHANNELS, "3 channels; limits.max_channels allows 2"),
        ({"max_channels": 3, "max_duration_s": 0.5}, Reason.TOO_LONG, "limits.max_duration_s allows 0.5 s"),
        ({"max_channels": 3, "max_size_mb": 0.05}, Reason.TOO_LARGE, "0.1 MB; limits.max_size_mb allows 0.05 MB"),
    ]:
        with pytest.raises(Refusal) as refused:
            decode(data, LIMITS.model_copy(update=limits))
        assert refused.value.reason is reason
        assert words in refused.value.detail


def test_a_stream_of_unknown_length_is_refused_once_it_is_too_long():
    data = with_data_size(encode(noise(SR, 3.0), SR), 0, 0)
    flac = bytearray(encode(noise(SR, 3.0), SR, "FLAC"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    for stream in (data, bytes(flac)):
        with pytest.raises(Refusal, match="too_long"):
            decode(stream, LIMITS.model_copy(update={"max_duration_s": 2.0}))


@pytest.mark.parametrize(("sr", "target"), [(48000, 8000), (44100, 16000), (11025, 8000), (8000, 16000)])
def test_resampling_in_blocks_keeps_a_tone_and_its_length(sr, target):
    y = tone(1000, sr, 2.0)[:, np.newaxis]
    resampler = Resampler(sr, target, 1)
    parts = [resampler.push(y[i : i + 3000]) for i in range(0, len(y), 3000)]
    x = np.concatenate([*parts, resampler.finish()])[:, 0]
    assert abs(len(x) - 2 * target) <= 1
    middle = slice(target // 4, target // 4 * 7)
    np.testing.assert_allclose(x[middle], tone(1000, target, 2.0)[: len(x)][middle], atol=2e-3)


def test_a_fitting_rate_is_passed_through_untouched():
    block = noise(8000, 0.1)[:, np.newaxis]
    resampler = Resampler(8000, 8000, 1)
    assert resampler.push(block) is block
    assert resampler.finish().shape == (0, 1)
