"""Syllables, counted as peaks of intensity.

After de Jong & Wempe 2009, "Praat script to detect syllable nuclei and measure speech rate automatically", Behavior
Research Methods 41: a nucleus is a voiced peak of intensity that stands out by at least 2 dB from the dips beside it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import hann, power_of
from ser_core.sound.audio.levels import FLOOR_DB, decibels
from ser_core.sound.speech.bands import hop_length
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

DIP_DB = 2.0
BELOW_LOUDEST_DB = 25.0
"""A peak counts down to this far below the 99th percentile of the intensity, as in the paper."""
WINDOW_S = 0.09
"""Window of the intensity. Shorter windows split the long vowels of emotional speech."""
SONORANT_HZ = (300.0, 1500.0)
"""Vowels are loudest here. Voicing below and hisses above would fill the dips between them."""
MIN_VOICING = 0.5
_PITCH_HZ = (70.0, 500.0)
_PITCH_FRAME_S = 0.04


def count_syllables(y: Array, sr: int) -> int:
    """Syllable nuclei in one stretch of speech `y`, shape (n,): the threshold follows the loudest syllable in it."""
    hop = hop_length(sr)
    if len(y) < hop:
        return 0
    intensity = _intensity(y, sr, hop)
    loudest = float(quantiles(intensity, (0.99,))[0])
    peaks = prominent_peaks(intensity, DIP_DB, FLOOR_DB)
    peaks = peaks[intensity[peaks] > loudest - BELOW_LOUDEST_DB]
    return int(np.count_nonzero(_voicing(y, sr, peaks * hop + hop // 2) > MIN_VOICING))


def prominent_peaks(x: Array, prominence: float, outside: float) -> npt.NDArray[np.intp]:
    """Maxima of `x`, shape (n,), from which it falls by `prominence` on both sides before it rises above them.

    Beyond its ends `x` is `outside`. Of equal maxima without such a fall between them the first counts. This is
    `scipy.signal.find_peaks`, whose import takes longer than a recording.
    """
    rises = np.zeros(len(x) + 1, np.bool_)
    rises[0], rises[1:-1] = True, x[1:] > x[:-1]
    turns = np.flatnonzero(rises[1:] != rises[:-1])  # maxima and minima in turn, a maximum first and last
    peaks: list[int] = []
    top, high, low = -1, outside, outside  # the candidate, its value, and the lowest value since the last peak
    for at, value in zip(turns.tolist(), x[turns].tolist(), strict=True):
        if value > high if top >= 0 else value >= low + prominence:
            top, high = at, value
        elif top >= 0 and value <= high - prominence:
            peaks.append(top)
            top, low = -1, value
        elif top < 0:
            low = min(low, value)
    return np.array([*peaks, *([top] if top >= 0 and high >= outside + prominence else [])], dtype=np.intp)


def _intensity(y: Array, sr: int, hop: int) -> Array:
    """Decibels of the power of 300 to 1,500 Hz every `hop` samples, under a Hann window of 90 ms: shape (frames,)."""
    size = scipy.fft.next_fast_len(len(y) + round(WINDOW_S * sr), real=True)
    spectrum = scipy.fft.rfft(y - y.mean(), size)
    low, high = (round(hz * size / sr) for hz in SONORANT_HZ)
    spectrum[:low], spectrum[high:] = 0, 0
    band = scipy.fft.irfft(spectrum, size)[: len(y) // hop * hop]
    power = np.square(band).reshape(-1, hop).mean(axis=1)
    window = _smoothing(round(WINDOW_S * sr / hop) + 1)
    smooth = np.convolve(power, window, mode="full")
    margin = len(window) // 2
    return decibels(smooth[margin : margin + len(power)])


def _voicing(y: Array, sr: int, at: npt.NDArray[np.intp]) -> Array:
    """The highest autocorrelation at a lag of 2 to 14 ms around the samples `at`, shape (len(at),): 1 is periodic.

    Divided by the window's own autocorrelation (Boersma 1993).
    """
    n = round(_PITCH_FRAME_S * sr)
    shortest, longest = round(sr / _PITCH_HZ[1]), round(sr / _PITCH_HZ[0])
    padded = np.pad(y, n)
    frames = padded[at[:, np.newaxis] + (n - n // 2) + np.arange(n)]
    window, size = hann(n).astype(np.float32), scipy.fft.next_fast_len(n + longest, real=True)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    correlation = _autocorrelation(frames, size)[:, : longest + 1]
    normalised = correlation / np.maximum(correlation[:, :1], np.float32(1e-12))
    own = _own_correlation(n, size)
    voicing: Array = (normalised[:, shortest:] / own[shortest : longest + 1]).max(axis=1)
    return voicing


def _autocorrelation(frames: Array, size: int) -> Array:
    spectrum = scipy.fft.rfft(frames, size, axis=1)
    return np.asarray(scipy.fft.irfft(power_of(spectrum), size, axis=1))


@lru_cache(maxsize=8)
def _smoothing(n: int) -> npt.NDArray[np.float64]:
    """A symmetric Hann window of the sum 1, shape (n,)."""
    window = np.hanning(n)
    return np.asarray(window / window.sum())


@lru_cache(maxsize=8)
def _own_correlation(n: int, size: int) -> Array:
    """The window's own autocorrelation, 1 at lag 0."""
    own = _autocorrelation(hann(n).astype(np.float32)[np.newaxis], size)[0]
    return np.asarray(own / own[0])
