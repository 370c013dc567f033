"""The matrices that map a power spectrum to bands and to pitch classes, with librosa's definitions and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

N_CHROMA = 12
_GROUP = 16
_CENTRE_OCTAVE, _OCTAVES = 5.0, 2.0
_SEMITONES_FROM_A_TO_C = 3


@dataclass(frozen=True)
class Bands:
    """Filters of which each spans few bins: neighbours in groups, so that a product leaves out most of the zeros.

    `parts` are the first bin of a group, the bin behind its last, its first band, and its weights of shape (bins of the
    group, bands of the group).
    """

    count: int
    parts: tuple[tuple[int, int, int, Array], ...]

    @classmethod
    def of(cls, weights: Wide) -> Bands:
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
    """Triangular filters from 0 Hz to half the rate, each of the area 1 over hertz, even on a mel scale.

    The Slaney scale is linear below 1 kHz and logarithmic above it (Auditory Toolbox, 1998); HTK's is
    2595 log10(1 + f / 700) (O'Shaughnessy 1987). A band narrower than a bin of a short frame is 0: the settings ask
    for it.
    """
    edges: Wide = _from_htk(np.linspace(0, _to_htk(sr / 2), n_mels + 2)) if htk else _slaney_edges(sr / 2, n_mels + 2)
    hz = np.arange(1 + n_fft // 2, dtype=np.float64) * float(sr / n_fft)
    return Bands.of(triangles(hz, edges) * (2 / (edges[2:] - edges[:-2])))


def triangles(hz: Wide, edges: Wide) -> Wide:
    """Triangles of height 1 at the frequencies `hz`, shape (bins,), over neighbouring `edges`, shape (n + 2,): shape
    (bins, n)."""
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rise, fall)))


def _to_htk(hz: float) -> float:
    return 2595 * float(np.log10(1 + hz / 700))


def _from_htk(mel: Wide) -> Wide:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


def _slaney_edges(top_hz: float, count: int) -> Wide:
    """`count` frequencies from 0 to `top_hz`: steps of 66.7 Hz up to 1 kHz, 27 steps to each factor of 6.4 above it."""
    top = top_hz * 3 / 200 if top_hz < 1000 else 15 + 27 * np.log(top_hz / 1000) / np.log(6.4)
    mel = np.linspace(0, top, count)
    return np.asarray(np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15))))


@lru_cache(maxsize=128)
def chroma_filters(sr: int, n_fft: int, tuning: float) -> Array:
    """Pitch-class filters from C to B, shape (1 + n_fft // 2, 12), for a tuning off A440 by `tuning` semitones.

    Ellis 2007, "Chroma feature analysis and synthesis": a bin's weights are a Gaussian over its distance from each
    class, at least a semitone wide, of unit length, under a Gaussian of two octaves around the fifth. There are 100
    tunings, each built once a process.
    """
    hz = np.arange(1, n_fft) * (sr / n_fft)
    a0 = 440.0 / 16 * 2 ** (tuning / N_CHROMA)
    above = N_CHROMA * np.log2(hz / a0)
    semitones = np.concatenate([above[:1] - 1.5 * N_CHROMA, above])  # 0 Hz counts as 1.5 octaves below the first
    width = np.append(np.maximum(np.diff(semitones), 1.0), 1.0)[: 1 + n_fft // 2, None]
    semitones = semitones[: 1 + n_fft // 2, None]
    distance = np.mod(semitones - np.arange(N_CHROMA) + N_CHROMA / 2, N_CHROMA) - N_CHROMA / 2
    weights = np.exp(-2 * np.square(distance / width))
    weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
    weights *= np.exp(-np.square((semitones / N_CHROMA - _CENTRE_OCTAVE) / _OCTAVES) / 2)
    return np.ascontiguousarray(np.roll(weights, -_SEMITONES_FROM_A_TO_C, axis=1), dtype=np.float32)
