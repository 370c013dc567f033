"""librosa's matrices that map a power spectrum to bands and to pitch classes, kept by rate."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ser_core.sound.audio.librosa_loading import librosa

Array = npt.NDArray[np.float32]

N_CHROMA = 12
_GROUP = 16


@dataclass(frozen=True)
class Bands:
    """Filters of which each spans few bins: neighbours in groups, so that a product leaves out most of the zeros.

    The product with librosa's whole matrix takes several times as long.

    `parts` are the first bin of a group, the bin behind its last, its first band, and its weights of shape (bins of the
    group, bands of the group).
    """

    count: int
    parts: tuple[tuple[int, int, int, Array], ...]

    @classmethod
    def of(cls, weights: Array) -> Bands:
        """The filters of a matrix of shape (bins, bands)."""
        parts = []
        for first in range(0, weights.shape[1], _GROUP):
            group = weights[:, first : first + _GROUP]
            bins = np.flatnonzero(group.any(axis=1))
            low, high = (int(bins[0]), int(bins[-1]) + 1) if len(bins) else (0, 1)
            parts.append((low, high, first, np.ascontiguousarray(group[low:high], dtype=np.float32)))
        return cls(weights.shape[1], tuple(parts))

    def __call__(self, power: Array, out: Array | None = None) -> Array:
        """The power in every band of spectra, shape (frames, bins): shape (frames, bands), `out` where it is given."""
        if out is None:
            out = np.empty((len(power), self.count), np.float32)
        for low, high, first, weights in self.parts:
            np.matmul(power[:, low:high], weights, out=out[:, first : first + weights.shape[1]])
        return out


@lru_cache(maxsize=8)
def mel_filters(sr: int, n_fft: int, n_mels: int, htk: bool) -> Bands:
    """`librosa.filters.mel`: triangles from 0 Hz to half the rate, each of the area 1 over hertz, even on a mel scale.

    A band narrower than a bin of a short frame is 0: the settings ask for it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters")
        weights = librosa().filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, htk=htk)
    return Bands.of(weights.T)


@lru_cache(maxsize=128)
def chroma_filters(sr: int, n_fft: int, tuning: float) -> Array:
    """`librosa.filters.chroma` from C to B, shape (1 + n_fft // 2, 12), for a tuning off A440 by `tuning` semitones.

    There are 100 tunings, each built once a process.
    """
    weights = librosa().filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning, n_chroma=N_CHROMA)
    return np.ascontiguousarray(weights.T, np.float32)
