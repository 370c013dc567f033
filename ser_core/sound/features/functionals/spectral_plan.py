"""What the spectral descriptors need at one sampling rate: window, filters and weights, built once per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import hann
from ser_core.sound.features.functionals.frames import WINDOW_S
from ser_core.sound.speech.bands import hop_length

Array = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

N_MELS, N_MFCC = 32, 20
MEL_FROM_HZ = 20.0
BANDS_HZ = ((0, 250), (250, 650), (650, 1000), (1000, 2000), (2000, 3000), (3000, 4001))
CREST_EDGES_HZ = (100, 400, 800, 1600, 3200)
SLOPES_HZ = ((0, 500), (500, 1500))
_ALPHA_HZ = ((50, 1000), (1000, 5000))
_DB_PER_KHZ = 1e4 / np.log(10)
"""Converts the slope of the natural logarithm of power per hertz to decibels per kilohertz."""


@dataclass(frozen=True)
class SpectralPlan:
    """Constants for one sampling rate; bins are those of the transform, from 0 Hz to half the rate."""

    hop: int
    n_fft: int
    window: Array  # (samples,), of energy 1: the spectrum of white noise is its mean square in every bin
    hz: Wide  # (bins,)
    maps: Array  # (bins, 32 mel bands, then the eight bands of `BANDS_HZ` and `_ALPHA_HZ`)
    cosines: Array  # (32, 20), mel bands → cepstral coefficients
    powers: Wide  # (bins, 4), hz to the powers 1 to 4, in kilohertz
    slopes: Array  # (bins - 1, 2), least-squares weights on the logarithm of the bins above 0 Hz
    crests: tuple[int, ...]  # edges in bins above 0 Hz
    to_2k: int
    to_5k: int


@lru_cache(maxsize=8)
def spectral_plan(sr: int) -> SpectralPlan:
    """The plan for frames of 25 ms at `sr` hertz, 8,000 or more."""
    samples = round(WINDOW_S * sr)
    n_fft = 1 << int(np.ceil(np.log2(samples)))
    hz = np.arange(n_fft // 2 + 1, dtype=np.float64) * float(sr / n_fft)
    window = hann(samples)
    alpha = (_ALPHA_HZ[0], (_ALPHA_HZ[1][0], min(sr / 2, _ALPHA_HZ[1][1])))
    bands = np.stack([(hz >= low) & (hz < high) for low, high in (*BANDS_HZ, *alpha)], axis=1)
    khz = hz / 1000
    return SpectralPlan(
        hop=hop_length(sr),
        n_fft=n_fft,
        window=(window / np.sqrt(window @ window)).astype(np.float32),
        hz=hz,
        maps=np.concatenate([mel_triangles(hz, sr), bands], axis=1).astype(np.float32),
        cosines=scipy.fft.dct(np.eye(N_MELS), type=2, norm="ortho")[:, :N_MFCC].astype(np.float32),
        powers=np.stack([khz, khz**2, khz**3, khz**4], axis=1),
        slopes=np.stack([_slope(hz[1:], low, high) for low, high in SLOPES_HZ], axis=1).astype(np.float32),
        crests=tuple(int(i) for i in np.searchsorted(hz[1:], CREST_EDGES_HZ)),
        to_2k=int(np.searchsorted(hz, 2000)),
        to_5k=int(np.searchsorted(hz, 5000)),
    )


def mel_triangles(hz: Wide, sr: int) -> Wide:
    """32 triangles of height 1, shape (bins, 32), evenly spaced from 20 Hz to half the rate on HTK's mel scale,
    1127 ln(1 + f / 700) (O'Shaughnessy 1987; the HTK Book, Young et al. 2006, eq. 5.13)."""
    low, high = 1127 * np.log1p(np.array([MEL_FROM_HZ, sr / 2]) / 700)
    edges = 700 * np.expm1(np.linspace(low, high, N_MELS + 2) / 1127)
    return triangles(hz, edges)


def _slope(hz: Wide, low: float, high: float) -> Wide:
    """Weights of the least-squares line through bins from `low` to `high`, shape (bins,), in dB per kHz."""
    inside = (hz >= low) & (hz <= high)
    centred = np.where(inside, hz - hz[inside].mean(), 0)
    return np.asarray(_DB_PER_KHZ * centred / (centred @ centred))


def triangles(hz: Wide, edges: Wide) -> Wide:
    """Triangles of height 1 at the frequencies `hz`, shape (bins,), over neighbouring `edges`, shape (n + 2,): shape
    (bins, n)."""
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rise, fall)))
