"""The parameters that are drawn for a copy, and their ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from ser_core.sound.audio.telephone_line import BELOW_FULL_SCALE, Line, over_line, speech_level_dbfs, through_codec
from ser_core.sound.augmentation.room import add_noise, gain, reverberate, tilt
from ser_core.sound.augmentation.voice_change import speed, tempo

Array = npt.NDArray[np.float32]
Range = tuple[float, float]

_NEAR_ONE = 0.01


@dataclass(frozen=True)
class VoiceChange:
    """Another voice, pace, room and level.

    `speed` and `tempo` are factors, drawn on a logarithmic scale. Speed moves the pitch too. Tempo is the pace of the
    whole copy; it is drawn in a share `tempo_share` of copies and equals the speed in the others. `snr_db` is the level
    of the speech above the noise. `t60_s` and `direct_db` are those of `reverberate`. One of `colours` is drawn.
    """

    speed: Range
    tempo: Range
    tempo_share: float
    reverb_share: float
    t60_s: Range
    direct_db: Range
    tilt_share: float
    tilt_db_per_octave: Range
    noise_share: float
    snr_db: Range
    colours: tuple[float, ...]
    gain_db: Range

    def apply(self, y: Array, sr: int, rng: np.random.Generator) -> Array:
        """A copy of `y` (n,) at `sr`, shape (m,), scaled down as a whole where it would exceed full scale."""
        faster = _factor(rng, self.speed)
        pace = _factor(rng, self.tempo) if rng.random() < self.tempo_share else faster
        z = _within_full_scale(y)
        if abs(faster - 1) > _NEAR_ONE:
            z = speed(z, sr, faster)
        if abs(pace / faster - 1) > _NEAR_ONE:
            z = tempo(z, sr, pace / faster)
        if rng.random() < self.reverb_share:
            z = reverberate(z, sr, rng.uniform(*self.t60_s), rng.uniform(*self.direct_db), rng)
        if rng.random() < self.tilt_share:
            z = tilt(z, sr, rng.uniform(*self.tilt_db_per_octave))
        if rng.random() < self.noise_share:
            z = add_noise(z, sr, rng.uniform(*self.snr_db), float(rng.choice(self.colours)), rng)
        return _within_full_scale(gain(z, rng.uniform(*self.gain_db)))


@dataclass(frozen=True)
class Lines:
    """Telephone lines at `sample_rate` in Hz. The edges of the band in Hz, the level of the speech above the noise, its
    colour and the codec are drawn."""

    sample_rate: int
    low_hz: Range
    high_hz: Range
    snr_db: Range
    colours: tuple[float, ...]
    codecs: tuple[str, ...]

    def apply(self, y: Array, sr: int, rng: np.random.Generator) -> Array:
        """`y` (n,) at `sr` as it comes over a line, resampled back to `sr`: (n,), not delayed, below full scale."""
        line = Line(
            self.sample_rate,
            str(rng.choice(self.codecs)),
            (rng.uniform(*self.low_hz), rng.uniform(*self.high_hz)),
            rng.uniform(*self.snr_db),
            float(rng.choice(self.colours)),
        )
        narrow = over_line(y[:, np.newaxis], sr, line, np.array([speech_level_dbfs(y, sr)]), rng)
        decoded = through_codec(narrow, line.sample_rate, line.codec)[:, 0]
        out = np.zeros_like(y)
        back = np.asarray(soxr.resample(decoded, line.sample_rate, sr, quality="HQ"), dtype=np.float32)[: len(y)]
        out[: len(back)] = np.clip(back, -BELOW_FULL_SCALE, BELOW_FULL_SCALE)
        return out


def _factor(rng: np.random.Generator, ends: Range) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))


def _within_full_scale(y: Array) -> Array:
    peak = float(np.abs(y).max(initial=0.0))
    return y if peak <= 1.0 else (y / np.float32(peak)).astype(np.float32)


ANOTHER_VOICE = VoiceChange(
    speed=(0.87, 1.15),
    tempo=(0.89, 1.13),
    tempo_share=0.7,
    reverb_share=0.3,
    t60_s=(0.1, 0.4),
    direct_db=(3.0, 12.0),
    tilt_share=0.4,
    tilt_db_per_octave=(-1.0, 1.0),
    noise_share=0.4,
    snr_db=(20.0, 45.0),
    colours=(0.0, 1.0, 2.0),
    gain_db=(-3.0, 3.0),
)
"""As far as voices and rooms differ without a change of the emotion."""

ANY_LINE = Lines(8000, (200.0, 350.0), (3100.0, 3600.0), (15.0, 28.0), (0.0, 0.0, 1.0), ("ulaw", "alaw", "gsm"))
"""Telephone lines as archives have them: G.711 or GSM 6.10, white noise more often than pink."""

STANDARD_LINE = Lines(8000, (300.0, 300.0), (3400.0, 3400.0), (20.0, 20.0), (0.0,), ("ulaw",))
"""The line `ser_core.sound.audio.telephone_line.TELEPHONE`, without ranges."""
