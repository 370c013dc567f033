"""Decoding in blocks by libsndfile, and every reason to refuse a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile as sf

from ser_core.config.audio_settings import Headerless
from ser_core.config.base import MB
from ser_core.config.settings import LimitSettings
from ser_core.errors import Reason, Refusal
from ser_core.sound.audio.byte_source import Decoder, Source
from ser_core.sound.audio.codecs import is_document, undecoded_wav_tag, unsupported_codec
from ser_core.sound.audio.containers import SoundData, mp3_announces_length, ogg_is_complete, sound_data

Array = npt.NDArray[np.float32]

_SAMPLE_RATES = range(1000, 768_001)
_UNRECOGNISED, _UNSUPPORTED, _UNIMPLEMENTED = 1, 4, 18
_UNKNOWN_FRAMES = 1 << 62
_MP3_SLACK = 2 * 1152
"""Frames an MP3 may be short of its header: encoders count the header's own frame and the decoder's delay."""
_PEAK_LIMIT = float(1 << 31)
"""No audio exceeds an unscaled 32-bit integer; the power of larger samples would overflow float32."""
_UNREAD_BYTES, _UNREAD_SHARE = 1 << 13, 0.05
"""More bytes than this behind the last sample of an MP3 without a length are sound, not tags."""
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"fLaC", b"OggS", b"caff", b"riff")


@dataclass(frozen=True)
class AudioInfo:
    """What the header says. `frames` is None where the length is unknown until decoded (a stream)."""

    codec: str
    container: str
    sample_rate: int
    channels: int
    frames: int | None


class AudioReader:
    """An open recording: `info`, and its samples in blocks. A context manager; made by `open_audio`."""

    def __init__(
        self, decoder: Decoder, source: BinaryIO, size_bytes: int, info: AudioInfo, limits: LimitSettings
    ) -> None:
        self.info = info
        self._decoder, self._source, self._size_bytes = decoder, source, size_bytes
        self._max_frames = int(limits.max_duration_s * info.sample_rate)
        self._max_duration_s = limits.max_duration_s

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder.close()

    def blocks(self, block_s: float) -> Iterator[Array]:
        """The samples as float32 blocks of shape (n, channels), full scale -1 to 1, n up to `block_s` seconds.

        They can be read once.

        Raises:
            Refusal: truncated, too_long, not_finite, empty or unsupported_codec, where decoding shows it.
        """
        size = max(1, int(block_s * self.info.sample_rate))
        total = 0
        while len(block := self._read(size, total)):
            total += len(block)
            if total > self._max_frames:
                raise _too_long(total, self.info.sample_rate, self._max_duration_s)
            if not max(float(block.max()), -float(block.min())) <= _PEAK_LIMIT:
                raise Refusal(
                    Reason.NOT_FINITE,
                    f"a sample before second {total / self.info.sample_rate:.1f} is NaN, "
                    "infinite or beyond 2^31; expected floating-point audio of -1 to 1",
                )
            yield block
        self._check_length(total)

    def _read(self, size: int, total: int) -> Array:
        buffer = np.empty((size, self.info.channels), dtype=np.float32)
        try:
            block: Array = self._decoder.read(out=buffer)
        except sf.LibsndfileError as error:
            raise Refusal(
                Reason.TRUNCATED,
                f"{self.info.codec} breaks off in the {size / self.info.sample_rate:g} s after second "
                f"{total / self.info.sample_rate:g}: {error.error_string}",
            ) from error
        return block

    def _check_length(self, total: int) -> None:
        slack = _MP3_SLACK if self.info.container == "mp3" else 0
        frames = self.info.frames
        if frames is not None and total + slack < frames:
            decoded_s, announced_s = total / self.info.sample_rate, frames / self.info.sample_rate
            raise Refusal(
                Reason.TRUNCATED, f"{self.info.codec} holds {decoded_s:.2f} s; its header announces {announced_s:.2f} s"
            )
        if total == 0:
            raise Refusal(Reason.EMPTY, f"{self.info.container} header without a single sample")
        unread = self._size_bytes - self._source.tell()
        if self.info.container == "mp3" and unread > max(_UNREAD_BYTES, _UNREAD_SHARE * self._size_bytes):
            raise Refusal(
                Reason.UNSUPPORTED_CODEC,
                f"mp3 of variable bit rate without a Xing header: {unread} bytes lie behind the last second that can "
                "be decoded; write the header or convert to WAV",
            )


def open_audio(
    source: BinaryIO, size_bytes: int, limits: LimitSettings, headerless: Headerless | None = None
) -> AudioReader:
    """Opens a recording.

    `source` is a seekable binary file of `size_bytes` bytes; the caller closes it. `headerless` says how to decode a
    file that no decoder recognises and that is not a document; None refuses it.

    Raises:
        Refusal: empty, too_large, not_audio, unsupported_codec, truncated, too_many_channels or too_long.
    """
    if size_bytes == 0:
        raise Refusal(Reason.EMPTY, "0 bytes")
    if size_bytes > limits.max_size_mb * MB:
        raise Refusal(
            Reason.TOO_LARGE, f"{size_bytes / MB:.1f} MB; limits.max_size_mb allows {limits.max_size_mb:g} MB"
        )
    source.seek(0)
    head = source.read(64)
    if (codec := unsupported_codec(head)) is not None:
        raise Refusal(Reason.UNSUPPORTED_CODEC, f"{codec} cannot be decoded; convert to WAV, FLAC, Ogg or MP3")
    data = sound_data(source, size_bytes)
    decoder = _open(source, size_bytes, head, data, headerless)
    try:
        position = source.tell()
        info = _info(decoder, source)
        _check(info, data, limits)
        if info.container == "ogg" and not ogg_is_complete(source, size_bytes):
            raise Refusal(Reason.TRUNCATED, "the last Ogg page is cut off or does not end its stream")
        source.seek(position)
    except BaseException:
        decoder.close()
        raise
    return AudioReader(decoder, source, size_bytes, info, limits)


def _open(
    source: BinaryIO, size_bytes: int, head: bytes, data: SoundData | None, headerless: Headerless | None
) -> Decoder:
    # libsndfile believes a data size of 0, but reads to the end where the size is larger than the file
    patch = (data.offset - 4, b"\xff\xff\xff\xff") if data is not None and data.size_is_zero else None
    source.seek(0)
    try:
        return Decoder(Source(source, size_bytes, patch))
    except sf.LibsndfileError as error:
        tag = undecoded_wav_tag(data.format_tag) if data is not None else None
        if tag is not None or error.code == _UNSUPPORTED or (error.code == _UNIMPLEMENTED and head[:4] == b"OggS"):
            name = tag or "the codec of this Ogg or WAV"
            raise Refusal(
                Reason.UNSUPPORTED_CODEC, f"{name} cannot be decoded; convert to PCM, G.711 or GSM"
            ) from error
        if error.code != _UNRECOGNISED and head.startswith(_MAGIC):
            raise Refusal(Reason.TRUNCATED, f"the header is damaged: {error.error_string}") from error
        if headerless is not None and not is_document(source):
            return _open_headerless(source, size_bytes, headerless)
        raise Refusal(Reason.NOT_AUDIO, f"begins with bytes {head[:8].hex(' ')}: {error.error_string}") from error


def _open_headerless(source: BinaryIO, size_bytes: int, headerless: Headerless) -> Decoder:
    source.seek(0)
    return Decoder(
        Source(source, size_bytes, None),
        samplerate=headerless.sample_rate_hz,
        channels=headerless.channels,
        format="RAW",
        subtype=headerless.codec.upper(),
    )


def _info(decoder: Decoder, source: BinaryIO) -> AudioInfo:
    frames = decoder.frames if 0 <= decoder.frames < _UNKNOWN_FRAMES else None
    if decoder.format == "MP3" and not mp3_announces_length(source):
        frames = None
    codec = "mp3" if decoder.subtype == "MPEG_LAYER_III" else decoder.subtype.lower()
    container = decoder.format.lower()
    return AudioInfo("flac" if container == "flac" else codec, container, decoder.samplerate, decoder.channels, frames)


def _check(info: AudioInfo, data: SoundData | None, limits: LimitSettings) -> None:
    if info.sample_rate not in _SAMPLE_RATES:
        raise Refusal(Reason.NOT_AUDIO, f"header claims {info.sample_rate} Hz; expected 1000 to 768000 Hz")
    if info.channels > limits.max_channels:
        raise Refusal(
            Reason.TOO_MANY_CHANNELS, f"{info.channels} channels; limits.max_channels allows {limits.max_channels}"
        )
    if data is not None and data.missing:
        raise Refusal(Reason.TRUNCATED, f"the data chunk announces {data.claimed} bytes; {data.present} are present")
    if info.frames is not None and info.frames > limits.max_duration_s * info.sample_rate:
        raise _too_long(info.frames, info.sample_rate, limits.max_duration_s)


def _too_long(frames: int, sample_rate: int, allowed_s: float) -> Refusal:
    return Refusal(
        Reason.TOO_LONG, f"{frames / sample_rate:.0f} s or more; limits.max_duration_s allows {allowed_s:g} s"
    )
