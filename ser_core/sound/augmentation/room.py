"""Another room, another microphone, another level."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.telephone_line import coloured_noise, speech_level_dbfs

Array = npt.NDArray[np.float32]

_PIVOT_HZ = 1000.0
_LOWEST_HZ = 50.0


def reverberate(y: Array, sr: int, t60_s: float, direct_db: float, rng: np.random.Generator) -> Array:
    """`y` (n,) at `sr` in a room, (n,): its reverberation lies `direct_db` below the direct sound.

    The room's response is white noise that decays exponentially, by 60 dB in `t60_s` seconds (Moorer 1979, "About this
    reverberation business"). The reverberation after the end of `y` is cut off.
    """
    from scipy.signal import oaconvolve  # noqa: PLC0415 - slow to load, and extraction as recorded does not need it

    n = max(2, round(t60_s * sr))
    tail = rng.standard_normal(n, dtype=np.float32) * (10 ** (-3 * np.arange(n) / n)).astype(np.float32)
    tail[0] = 0.0
    tail *= np.float32(10 ** (-direct_db / 20) / np.sqrt(np.square(tail).sum()))
    tail[0] = 1.0  # the direct sound
    return np.asarray(oaconvolve(y, tail)[: len(y)], dtype=np.float32)


def tilt(y: Array, sr: int, db_per_octave: float) -> Array:
    """`y` (n,) at `sr` with its spectrum tilted about 1 kHz, (n,). Below 50 Hz the gain is that of 50 Hz; nothing is
    delayed."""
    size = scipy.fft.next_fast_len(len(y) + sr // 10, real=True)
    octaves = np.log2(np.maximum(scipy.fft.rfftfreq(size, 1 / sr), _LOWEST_HZ) / _PIVOT_HZ)
    gains = (10 ** (octaves * db_per_octave / 20)).astype(np.float32)
    tilted: Any = scipy.fft.irfft(scipy.fft.rfft(y, size) * gains, size)
    return np.asarray(tilted[: len(y)], dtype=np.float32)


def add_noise(y: Array, sr: int, snr_db: float, colour: float, rng: np.random.Generator) -> Array:
    """`y` (n,) at `sr` with noise `snr_db` below its speech, (n,); the power of the noise falls as 1/f^`colour`."""
    deviation = 10 ** ((speech_level_dbfs(y, sr) - snr_db) / 20)
    return np.asarray(y + coloured_noise(y.shape, colour, rng) * deviation, dtype=np.float32)


def gain(y: Array, db: float) -> Array:
    """`y` (n,) at another level, (n,)."""
    return np.asarray(y * np.float32(10 ** (db / 20)), dtype=np.float32)
