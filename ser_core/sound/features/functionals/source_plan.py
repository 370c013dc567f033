"""The frames of the voice descriptors, at about 8 kHz, and what they need at one rate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import hann, power_of
from ser_core.sound.features.functionals.frames import framed
from ser_core.sound.speech.bands import hop_length

Array = npt.NDArray[np.float32]

HOP = 80
WINDOW = 320  # 40 ms: three periods of 75 Hz, as Boersma (1993) requires
N_FFT = 512
F0_MIN_HZ, F0_MAX_HZ = 65.0, 650.0
LAG_MARGIN = 10
"""Lags beyond the longest, which the interpolation of a peak at the longest needs."""
LPC_ORDER = 10
_EMPHASIS = 0.97


@dataclass(frozen=True)
class SourcePlan:
    """Constants for frames at `sr` hertz: 8,000, or close to it where a rate is not a multiple of 100."""

    sr: float
    window: Array  # (320,)
    window_lags: Array  # (longest + 10,): the inverse of the window's autocorrelation at every lag
    lags: Array  # (longest + 10,): log2 of the lag in samples
    shortest: int
    longest: int
    lpc_lags: Array  # (bins, 11): power spectrum → autocorrelation of the signal after pre-emphasis


class SourceFrames:
    """Windowed frames of a segment without their mean, (frames, 320), and their power spectra, (frames, 257).

    Frame `k` is centred on sample `(k + 0.5) * 80` of `samples`, the segment at about 8 kHz. With `kept`, shape
    (n_frames,), only these frames are transformed.
    """

    def __init__(self, y: Array, sr: int, n_frames: int, kept: npt.NDArray[np.bool_] | None = None) -> None:
        hop = hop_length(sr)
        self.plan = source_plan(HOP * sr / hop)
        self.samples = _decimated(y, hop)
        frames = framed(self.samples, WINDOW, HOP, n_frames)
        if kept is not None:
            frames = frames[kept]
        self.windowed = (frames - frames.mean(axis=1, keepdims=True)) * self.plan.window
        self.power: Array = power_of(scipy.fft.rfft(self.windowed, N_FFT, axis=1))

    def __len__(self) -> int:
        return len(self.windowed)

    def loudest(self, bins: npt.NDArray[np.intp], half: int) -> Array:
        """Decibels of the strongest bin within `half` bins of each of `bins`, shape (frames, n): the same shape."""
        around = bins[:, :, None] + np.arange(-half, half + 1)
        np.clip(around, 1, self.power.shape[1] - 1, out=around)
        around += np.arange(0, self.power.size, self.power.shape[1])[:, None, None]
        strongest = self.power.ravel()[around].max(axis=2)
        return np.asarray(10 * np.log10(strongest + np.float32(1e-9)))


def _decimated(y: Array, hop: int) -> Array:
    """`y` resampled in phase, from `hop` to 80 samples in every hundredth of a second."""
    if hop == HOP:
        return y
    from scipy import signal  # noqa: PLC0415 - a fifth of a second, needed only where audio is resampled

    shared = gcd(HOP, hop)
    up, down = HOP // shared, hop // shared
    return np.asarray(signal.resample_poly(y, up, down, window=_low_pass(up, down)), np.float32)


@lru_cache(maxsize=8)
def _low_pass(up: int, down: int) -> Array:
    """A Hamming-windowed sinc that passes frequencies below 3.7 kHz, shape (16 max(up, down) + 1,)."""
    from scipy import signal  # noqa: PLC0415

    widest = max(up, down)
    return np.asarray(signal.firwin(16 * widest + 1, 0.92 / widest), np.float32)


@lru_cache(maxsize=8)
def source_plan(sr: float) -> SourcePlan:
    """The plan for frames at `sr` hertz."""
    window = hann(WINDOW)
    shortest, longest = int(sr / F0_MAX_HZ), int(np.ceil(sr / F0_MIN_HZ)) + 1
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * N_FFT)) ** 2)[: longest + LAG_MARGIN]
    omega = 2 * np.pi * np.arange(N_FFT // 2 + 1) / N_FFT
    cosines = np.cos(np.outer(omega, np.arange(LPC_ORDER + 1))) / N_FFT
    cosines[1:-1] *= 2  # each of these bins counts for two of the full transform
    emphasis = np.abs(1 - _EMPHASIS * np.exp(-1j * omega)) ** 2
    return SourcePlan(
        sr=sr,
        window=window.astype(np.float32),
        window_lags=(own[0] / own).astype(np.float32),
        lags=np.log2(np.maximum(np.arange(longest + LAG_MARGIN), 1)).astype(np.float32),
        shortest=shortest,
        longest=longest,
        lpc_lags=(cosines * emphasis[:, None]).astype(np.float32),
    )
