"""Short-time spectra and the matrices that map them to bands.

The definitions are librosa's, so that its numbers come out: periodic Hann window, frames centred, zeros beyond the
ends.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import sparse

Array = npt.NDArray[np.float32]

_BLOCK_SAMPLES = 1 << 20
"""Samples of framed audio in one block of spectra: a few megabytes, whatever the segment's length."""
_CACHED_SAMPLES = 1 << 15
"""Samples transformed at once: three times as fast as a whole block, as all of it stays in the processor's cache."""


def frames_of(y: Array, n_fft: int, hop_length: int) -> Array:
    """Frames centred on every `hop_length`-th sample: a view of shape (frames, n_fft) on `y` between zeros."""
    padded = np.pad(y, n_fft // 2)
    if len(padded) < n_fft:  # an odd n_fft and a segment of less than a frame's middle
        padded = np.pad(padded, (0, n_fft - len(padded)))
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]


def power_blocks(frames: Array) -> Iterator[Array]:
    """Power spectra of `frames`, shape (frames, n_fft), as float32 blocks of shape (some frames, 1 + n_fft // 2).

    Transformed in double precision as librosa does: the tuning is the peak of a histogram of spectral peaks, which
    in one clip of fifty falls into another bin when the spectra differ by the rounding of single precision.
    """
    n_fft = frames.shape[1]
    block, step = max(1, _BLOCK_SAMPLES // n_fft), max(1, _CACHED_SAMPLES // n_fft)
    for start in range(0, len(frames), block):
        some = frames[start : start + block]
        power = np.empty((len(some), 1 + n_fft // 2), dtype=np.float32)
        for at in range(0, len(some), step):
            spectrum = scipy.fft.rfft(some[at : at + step] * hann(n_fft), axis=1, overwrite_x=True)
            np.abs(spectrum.astype(np.complex64), out=power[at : at + step])
        yield np.square(power, out=power)


@lru_cache(maxsize=8)
def hann(n_fft: int) -> npt.NDArray[np.float64]:
    """The periodic Hann window, shape (n_fft,)."""
    window: npt.NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return window


@lru_cache(maxsize=8)
def mel_filters(sr: int, n_fft: int, n_mels: int, htk: bool) -> sparse.csc_array:
    """Triangular mel filters of equal area, a sparse float32 matrix of shape (1 + n_fft // 2, n_mels).

    A bin lies in two filters at the most, so that the dense product would be twenty times the work.

    The Slaney scale is linear below 1 kHz (Auditory Toolbox, 1998); HTK's is
    2595 log10(1 + f / 700) (O'Shaughnessy 1987).
    """
    from librosa import filters  # noqa: PLC0415 - half a second, needed only where audio is analysed

    with warnings.catch_warnings():
        # a band narrower than a bin of a short frame stays 0: the settings ask for it
        warnings.filterwarnings("ignore", message="Empty filters detected")
        weights = filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, htk=htk)
    return sparse.csc_array(weights.T, dtype=np.float32)


@lru_cache(maxsize=128)
def chroma_filters(sr: int, n_fft: int, tuning: float) -> Array:
    """Pitch-class filters from C to B, shape (1 + n_fft // 2, 12), for a tuning off A440 by `tuning` semitones.

    Ellis 2007, "Chroma feature analysis and synthesis". There are 100 tunings, each built once a process.
    """
    from librosa import filters  # noqa: PLC0415

    weights = filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning, n_chroma=12)
    return np.ascontiguousarray(weights.T, dtype=np.float32)
