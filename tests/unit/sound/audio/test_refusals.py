"""Every way a recording can be bad, and the reason it is given."""

import io
import struct

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.errors import Reason, Refusal
from ser_core.sound.audio import open_audio
from tests.support.audio import encode, noise, tone, with_data_size

SR = 16000
LIMITS = load_settings(environ={}).limits
Y = tone(440, SR, 5.0) + noise(SR, 5.0, 0.05)
WAV = encode(Y, SR)


def refusal(data):
    with pytest.raises(Refusal) as refused, open_audio(io.BytesIO(data), len(data), LIMITS) as reader:
        for _ in reader.blocks(1.0):
            pass
    return refused.value


def with_tag(tag):
    changed = bytearray(WAV)
    changed[20:22] = struct.pack("<H", tag)
    return bytes(changed)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "ULAW"),
        ("WAV", "GSM610"),
        ("WAVEX", "PCM_16"),
        ("RF64", "PCM_16"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("AU", "ULAW"),
        ("CAF", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("MP3", "MPEG_LAYER_III"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
    ],
)
@pytest.mark.parametrize("share", [0.95, 0.5, 0.1])
def test_a_recording_that_breaks_off_is_truncated(container, subtype, share):
    data = encode(Y, SR, container, subtype)
    assert refusal(data[: int(len(data) * share)]).reason is Reason.TRUNCATED


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_damage_in_the_middle_is_truncated(container, subtype):
    data = bytearray(encode(Y, SR, container, subtype))
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    assert refusal(bytes(data)).reason is Reason.TRUNCATED


def test_a_truncated_wav_says_both_sizes():
    assert refusal(WAV[:-1000]).detail == "the data chunk announces 160000 bytes; 159000 are present"


def test_a_header_that_lies_is_refused_before_anything_is_decoded():
    lie = with_data_size(encode(Y[:10], SR, "WAV", "PCM_U8"), 0x7FFFFFF0, 0x80000000)
    assert refusal(lie).reason is Reason.TRUNCATED
    flac = bytearray(encode(Y, SR, "FLAC"))
    flac[21] |= 0x0F
    flac[22:26] = b"\xff" * 4
    assert refusal(bytes(flac)).reason is Reason.TOO_LONG


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encode(Y[:0], SR),
        with_data_size(encode(Y[:0], SR), 36, 0) + b"LIST\x04\x00\x00\x00abcd",
        encode(Y[:0], SR, "AIFF"),
    ],
    ids=["no bytes", "wav", "wav and a chunk", "aiff"],
)
def test_recordings_without_samples_are_empty(data):
    assert refusal(data).reason is Reason.EMPTY


@pytest.mark.parametrize(
    "data",
    [b"a call about an invoice\n" * 50, bytes(1000), b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(100), b"R", b"\xff" * 500],
    ids=["text", "zeros", "avi", "one byte", "ones"],
)
def test_bytes_that_are_not_audio(data):
    assert refusal(data).reason is Reason.NOT_AUDIO


@pytest.mark.parametrize("sample_rate", [1, 999, 1_000_000, 0x7FFFFFFF])
def test_a_sample_rate_no_recorder_has(sample_rate):
    data = bytearray(WAV)
    data[24:28] = struct.pack("<I", sample_rate)
    assert refusal(bytes(data)).reason is Reason.NOT_AUDIO


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"#!AMR\n" + bytes(300), "AMR "),
        (b"#!AMR-WB\n" + bytes(300), "AMR-WB"),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(300), "M4A"),
        (b"\xff\xf1\x50\x80\x2e\x7f\xfc" + bytes(3000), "AAC (ADTS)"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(300), "WMA"),
        (b"\x1a\x45\xdf\xa3" + bytes(300), "WebM"),
        (b"OggS" + bytes(24) + b"Speex   1.2" + bytes(100), "Speex"),
        (with_tag(0x0083), "G.729"),
        (with_tag(0x0042), "G.723.1"),
        (with_tag(0x7A21), "AMR"),
        (with_tag(0x00FF), "AAC"),
        (with_tag(0x1234), "0x1234"),
    ],
)
def test_a_codec_that_cannot_be_decoded_is_named(data, name):
    refused = refusal(data)
    assert refused.reason is Reason.UNSUPPORTED_CODEC
    assert name in refused.detail


def test_an_mp3_of_unknown_length_whose_rest_would_be_lost_is_refused():
    data = encode(np.tile(Y, 6), SR, "MP3", "MPEG_LAYER_III")
    assert b"Info" in data[:64] or b"Xing" in data[:64]
    second = data.index(data[:2], 4)
    refused = refusal(data[second:])
    assert refused.reason is Reason.UNSUPPORTED_CODEC
    assert "variable bit rate" in refused.detail


@pytest.mark.parametrize(
    ("value", "subtype"), [(np.nan, "FLOAT"), (np.inf, "FLOAT"), (-1e30, "FLOAT"), (1e300, "DOUBLE")]
)
def test_samples_that_are_not_finite(value, subtype):
    y = Y.astype(np.float64)
    y[70000] = value
    assert refusal(encode(y, SR, "WAV", subtype)).reason is Reason.NOT_FINITE
