"""What a telephone line does to speech: noise, a narrow band, a codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft
import soundfile as sf
import soxr

from ser_core.sound.audio.levels import FLOOR_DB, dbfs

Array = npt.NDArray[np.float32]

BELOW_FULL_SCALE = 0.999
"""The highest peak: libsndfile's G.711 encoder does not take full scale."""

_PADDING = 27  # scipy's default for four sections; less where a signal is shorter
_FRAME_S = 0.02
_BELOW_LOUDEST_DB = 30.0


class Codec(NamedTuple):
    """A codec's names in soundfile, and the most channels that it holds."""

    container: str
    subtype: str
    extension: str
    max_channels: int = 2


CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "pcm_16": Codec("WAV", "PCM_16", "wav"),
        "ulaw": Codec("WAV", "ULAW", "wav"),
        "alaw": Codec("WAV", "ALAW", "wav"),
        "gsm": Codec("WAV", "GSM610", "wav", 1),
        "ima_adpcm": Codec("WAV", "IMA_ADPCM", "wav"),
        "ms_adpcm": Codec("WAV", "MS_ADPCM", "wav"),
        "flac": Codec("FLAC", "PCM_16", "flac"),
        "mp3": Codec("MP3", "MPEG_LAYER_III", "mp3"),
        "opus": Codec("OGG", "OPUS", "opus"),
    }
)
"""Codecs that call recorders write, by name. GSM 6.10 holds one channel: such a call has one file per leg."""


@dataclass(frozen=True)
class Line:
    """A recording condition.

    `sample_rate` in Hz and `codec` are the recording's. `band_hz` is the pass band, None for the whole band. `snr_db`
    is the level of a channel's speech above the noise, None for no noise. The power of the noise falls as
    1/f^`noise_colour`: 0 is white, 1 pink.
    """

    sample_rate: int
    codec: str
    band_hz: tuple[float, float] | None
    snr_db: float | None
    noise_colour: float = 0.0

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec {self.codec!r} is not known; expected one of {', '.join(CODECS)}")
        if self.band_hz is not None and not 0 < self.band_hz[0] < self.band_hz[1] < self.sample_rate / 2:
            raise ValueError(f"band_hz {self.band_hz} is not within 0 and half of {self.sample_rate} Hz")


TELEPHONE_BAND_HZ = (300.0, 3400.0)
"""Of a telephone channel (ITU-T G.712)."""
TELEPHONE = Line(8000, "ulaw", TELEPHONE_BAND_HZ, 20.0)
CLEAN = Line(16000, "pcm_16", None, None)


def over_line(y: Array, sr: int, line: Line, speech_dbfs: npt.NDArray[np.float64], rng: np.random.Generator) -> Array:
    """`y` (n, channels) at `sr` as it comes out of the line at its rate, float32 (m, channels), before the codec.

    `speech_dbfs`, shape (channels,), is the level of each channel's speech, which sets the level of the noise. The
    band-pass is a Butterworth filter of order 4, run forwards and backwards so that nothing is delayed. Peaks are
    clipped below full scale.
    """
    out = np.asarray(soxr.resample(y, sr, line.sample_rate, quality="HQ"), dtype=np.float64)
    if line.band_hz is not None and len(out):
        from scipy.signal import butter, sosfiltfilt  # noqa: PLC0415 - slow to load, and extraction as recorded does not need it

        band: Any = butter(4, line.band_hz, btype="bandpass", fs=line.sample_rate, output="sos")
        out = sosfiltfilt(band, out, axis=0, padlen=min(_PADDING, len(out) - 1))
    if line.snr_db is not None:
        deviation = 10 ** ((speech_dbfs - line.snr_db) / 20)
        out = out + coloured_noise(out.shape, line.noise_colour, rng) * deviation
    return np.asarray(np.clip(out, -BELOW_FULL_SCALE, BELOW_FULL_SCALE), dtype=np.float32)


def coloured_noise(shape: tuple[int, ...], colour: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Gaussian noise of `shape`, time first, whose power falls as 1/f^`colour` (0 white, 1 pink, 2 brown).

    Its standard deviation is 1, and exactly 1 in each channel where the noise is not white.
    """
    if not colour or shape[0] < 2:
        return rng.standard_normal(shape)
    size = scipy.fft.next_fast_len(shape[0], real=True)
    spectrum: Any = scipy.fft.rfft(rng.standard_normal((size, *shape[1:])), axis=0)
    bins = np.arange(len(spectrum), dtype=np.float64).reshape(-1, *[1] * (len(shape) - 1))
    spectrum[1:] *= bins[1:] ** (-colour / 2)
    spectrum[0] = 0.0
    noise = np.asarray(scipy.fft.irfft(spectrum, size, axis=0), dtype=np.float64)[: shape[0]]
    return np.asarray(noise / noise.std(axis=0), dtype=np.float64)


def speech_level_dbfs(y: Array, sr: int) -> float:
    """Level of the speech in `y` (n,): of its frames of 20 ms within 30 dB of the loudest.

    Pauses do not count. This is a simple form of the active speech level of ITU-T P.56. Digital silence is -120.
    """
    frame = max(1, round(_FRAME_S * sr))
    whole = len(y) // frame * frame
    frames = y[:whole].reshape(-1, frame) if whole else y.reshape(-1, max(len(y), 1))
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    if not len(power):
        return FLOOR_DB
    return dbfs(float(power[power >= power.max() * 10 ** (-_BELOW_LOUDEST_DB / 10)].mean()))


def encode(y: Array, sr: int, codec: str) -> bytes:
    """The file of `y` (n, channels) at `sr`.

    Raises:
        ValueError: the codec does not hold as many channels.
    """
    kind = CODECS[codec]
    if y.shape[1] > kind.max_channels:
        raise ValueError(f"{codec} holds {kind.max_channels} channel, not {y.shape[1]}: encode each leg by itself")
    file = BytesIO()
    with sf.SoundFile(file, "w", sr, y.shape[1], format=kind.container, subtype=kind.subtype) as sink:
        for start in range(0, len(y), sr):  # libsndfile's Ogg encoders take large blocks badly
            sink.write(y[start : start + sr])
    return file.getvalue()


def through_codec(y: Array, sr: int, codec: str) -> Array:
    """`y` (n, channels) at `sr`, below full scale, encoded and decoded again: float32 (n, channels).

    A codec of whole blocks (GSM 6.10) adds samples at the end, which are cut off.

    Raises:
        ValueError: the codec does not hold as many channels.
    """
    decoded, _ = sf.read(BytesIO(encode(y, sr, codec)), dtype="float32", always_2d=True)
    out = np.zeros_like(y)
    n = min(len(y), len(decoded))
    out[:n] = decoded[:n]
    return out
