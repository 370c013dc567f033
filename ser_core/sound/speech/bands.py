"""Power in a few bands, every ten milliseconds, of a channel that is streamed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import hann

Array = npt.NDArray[np.float32]

FRAMES_PER_S = 100
BANDS = 8
_FRAME_S = 0.032
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 3800.0
_SHORTEST = 256
"""The fewest samples in a frame: shorter frames have too few bins in a band to measure its noise."""
_AT_ONCE = 256
"""Frames transformed at once: they stay in the processor's cache."""


def hop_length(sr: int) -> int:
    """Samples between frames: ten milliseconds."""
    return max(1, round(sr / FRAMES_PER_S))


class BandPower:
    """Frames of 32 ms (longer below 8 kHz) every 10 ms, under a Hann window. The middle of frame `k` lies at sample
    `(k + 0.5) * hop_length`.
    """

    def __init__(self, sr: int) -> None:
        self.hop = hop_length(sr)
        self._n_fft = scipy.fft.next_fast_len(max(round(_FRAME_S * sr), self.hop, _SHORTEST), real=True)
        self._window, self._sums = _window(self._n_fft), _sums(sr, self._n_fft)
        before = (self._n_fft - self.hop) // 2
        self._tail = np.zeros(before, dtype=np.float32)
        self._behind = self._n_fft - self.hop - before

    def push(self, y: Array) -> Array:
        """The power of the frames that are complete with the block `y`, shape (frames, bands), where a sine of full
        scale has 0.5 in its band.
        """
        held = np.concatenate([self._tail, y])
        count = max(0, (len(held) - self._n_fft) // self.hop + 1)
        power = np.empty((count, BANDS), dtype=np.float32)
        if count:
            frames = np.lib.stride_tricks.sliding_window_view(held, self._n_fft)[:: self.hop][:count]
            for at in range(0, count, _AT_ONCE):
                power[at : at + _AT_ONCE] = self._power(frames[at : at + _AT_ONCE])
        self._tail = held[count * self.hop :].copy()
        return power

    def finish(self) -> Array:
        """The frames that reach beyond the end, up to the frame whose ten milliseconds hold the last sample."""
        return self.push(np.zeros(self._behind + self.hop - 1, dtype=np.float32))

    def _power(self, frames: Array) -> Array:
        spectrum = scipy.fft.rfft(frames * self._window, axis=1, overwrite_x=True)
        parts = spectrum.view(np.float32)  # real and imaginary parts in turn
        bands: Array = np.square(parts, out=parts) @ self._sums
        return bands


@lru_cache(maxsize=8)
def _window(n_fft: int) -> Array:
    window = hann(n_fft)
    return np.asarray(window * np.sqrt(2 / (n_fft * np.sum(window**2))), dtype=np.float32)


@lru_cache(maxsize=8)
def _sums(sr: int, n_fft: int) -> Array:
    """Squared real and imaginary parts of bins → bands: zeros and ones, shape (2 + 2 * (n_fft // 2), bands)."""
    sums = np.zeros((2 + 2 * (n_fft // 2), BANDS), dtype=np.float32)
    edges = _edges(sr, n_fft)
    for band in range(BANDS):
        sums[2 * edges[band] : 2 * edges[band + 1], band] = 1
    return sums


def _edges(sr: int, n_fft: int) -> npt.NDArray[np.intp]:
    """First bins of bands of equal width on O'Shaughnessy's mel scale (1987), and one past the last bin."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, min(_HIGHEST_HZ, 0.475 * sr)))
    hertz = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 1) / 2595) - 1)
    bins = np.maximum(np.round(hertz * n_fft / sr).astype(np.intp), 1)
    at_least: npt.NDArray[np.intp] = np.maximum(bins, bins[0] + np.arange(BANDS + 1))
    return at_least
