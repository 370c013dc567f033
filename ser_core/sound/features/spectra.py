"""Short-time power spectra of several segments at once.

The definitions are librosa's, so that its numbers come out: periodic Hann window, frames centred, zeros beyond the
ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import hann

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

BLOCK_SAMPLES = 1 << 20
"""Samples of framed audio in one block of spectra: a few megabytes, whatever the segment's length."""
_CACHED_SAMPLES = 1 << 16
"""Samples transformed at once: they stay in the processor's cache, which is twice as fast as a whole block."""


@dataclass(frozen=True)
class Frames:
    """Frames of one or several segments: those of segment `i` are the rows `bounds[i]` up to `bounds[i + 1]`."""

    line: Array  # (positions, n_fft), a view on all segments between zeros
    at: Rows  # (frames,), the rows of `line` that are frames
    bounds: Rows  # (segments + 1,)

    @classmethod
    def of(cls, segments: Sequence[Array], n_fft: int, hop_length: int) -> Frames:
        """Frames of each segment, shape (samples,), centred on every `hop_length`-th of its samples."""
        before = n_fft // 2
        lengths = np.array([max(len(y) + 2 * before, n_fft) for y in segments])  # n_fft may be odd, y a single sample
        counts = (lengths - n_fft) // hop_length + 1
        starts = np.concatenate([[0], np.cumsum(-(-lengths // hop_length))])
        bounds = np.concatenate([[0], np.cumsum(counts)])
        padded = np.zeros(starts[-1] * hop_length + n_fft, np.float32)
        for y, start in zip(segments, (starts * hop_length).tolist(), strict=False):
            padded[start + before : start + before + len(y)] = y
        at = np.arange(bounds[-1]) + np.repeat(starts[:-1] - bounds[:-1], counts)
        return cls(np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length], at, bounds)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def n_fft(self) -> int:
        """Samples a frame."""
        return int(self.line.shape[1])

    def part(self, start: int, stop: int) -> Frames:
        """The frames from `start` up to `stop` as those of one segment."""
        at = self.at[start:stop]
        return Frames(self.line, at, np.array([0, len(at)]))


def power_blocks(frames: Frames) -> Iterator[Array]:
    """Power spectra of `frames` in single precision: blocks of shape (some frames, 1 + n_fft // 2)."""
    block = max(1, BLOCK_SAMPLES // frames.n_fft)
    for start in range(0, len(frames), block):
        yield power_spectra(frames.line, frames.at[start : start + block])


def power_spectra(line: Array, at: Rows, double: bool = False) -> Array:
    """Power spectra of the rows `at` of `line`, float32 of shape (len(at), 1 + n_fft // 2).

    `double` transforms in double precision, as librosa does, where the sixth digit counts.
    """
    n_fft = line.shape[1]
    window = hann(n_fft) if double else hann(n_fft).astype(np.float32)
    power = np.empty((len(at), 1 + n_fft // 2), dtype=np.float32)
    step = max(1, _CACHED_SAMPLES // n_fft)
    for row in range(0, len(at), step):
        windowed = line[at[row : row + step]] * window
        spectrum = scipy.fft.rfft(windowed, axis=1, overwrite_x=True)
        np.abs(spectrum.astype(np.complex64, copy=False), out=power[row : row + step])
    return np.square(power, out=power)
