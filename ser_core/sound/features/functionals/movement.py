"""How descriptors change in time, and how they change together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import power_of
from ser_core.sound.features.functionals.frames import delta
from ser_core.sound.features.functionals.spectral_plan import N_MELS
from ser_core.sound.speech.bands import FRAMES_PER_S

Array = npt.NDArray[np.float32]

MODULATION_EDGES_HZ = (0.5, 1.5, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0)
N_MEL_GROUPS = 8
COURSES = ("rms", "f0", "centroid", "flux")
MODULATED = (*(f"melgroup{i}" for i in range(N_MEL_GROUPS)), *COURSES)

SPREADS: dict[str, float] = {
    **{f"mfcc{i:02d}": s for i, s in enumerate((12, 4, 3.5, 3, 2.5, 2.5, 2.2, 2, 2, 1.8, 1.8, 1.6, 1.6))},
    "f0": 4,
    "rms": 10,
    "centroid": 0.6,
    "flatness": 1.2,
    "voicing": 0.2,
    "formant1": 0.35,
    "formant2": 0.25,
}
"""The descriptors whose covariance is taken, each with a typical deviation: a unit of measure, not a statistic."""
DELTA_SPREADS = dict(
    zip(SPREADS, (2.5, 0.9, 0.8, 0.7, 0.65, 0.6, 0.6, 0.55, 0.5, 0.5, 0.5, 0.45, 0.45, 0.5, 2), strict=False)
)
"""Typical deviations of the slopes per frame, for the first fifteen."""
COVARYING = (*SPREADS, *(f"{name}delta" for name in DELTA_SPREADS))
PAIRS = np.triu_indices(len(COVARYING))

_SHORTEST_TRANSFORM = 512
_SHRINKAGE = 0.02


def modulation(log_mel: Array, courses: Array) -> Array:
    """Modulation spectra (Wu, Falk & Chan 2011): log share of a course's energy by modulation frequency.

    `log_mel` has the shape (32, frames), `courses` (4, frames). Returns float32 (7 bands from 0.5 to 40 Hz, 12).
    """
    grouped = log_mel.reshape(N_MEL_GROUPS, N_MELS // N_MEL_GROUPS, -1).mean(axis=1)
    return modulation_of(np.concatenate([grouped, courses]))


def modulation_of(x: Array) -> Array:
    """The modulation spectra of the rows of `x`, shape (n, frames): float32 (7 bands from 0.5 to 40 Hz, n)."""
    x = (x - x.mean(axis=1, keepdims=True)) * _window(x.shape[1])
    n_fft = max(_SHORTEST_TRANSFORM, 1 << (x.shape[1] - 1).bit_length())
    power = power_of(scipy.fft.rfft(x, n_fft, axis=1)) / np.float32(x.shape[1])
    edges = np.ceil(np.array(MODULATION_EDGES_HZ) * n_fft / FRAMES_PER_S).astype(np.intp)
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1).T + np.float32(1e-6)
    return np.asarray(np.log(bands / bands.sum(axis=0)))


@lru_cache(maxsize=256)
def _window(n: int) -> Array:
    return np.hanning(n).astype(np.float32)


def log_covariance(x: Array) -> Array:
    """Matrix logarithm of a covariance, whose entries may be averaged and compared as in a plain vector space.

    Arsigny et al. 2006, "Log-Euclidean metrics". `x` has the shape (20, frames), in the order of `SPREADS`; the
    slopes of its first 15 rows join it. Returns the upper triangle, float32 (630,), with off-diagonal entries times √2
    so that distances stay those of the matrices.
    """
    both = np.concatenate([x, delta(x[: len(DELTA_SPREADS)])])
    both -= both.mean(axis=1, keepdims=True)
    both /= _units()
    covariance = (both @ both.T / np.float32(x.shape[1])).astype(np.float64)
    covariance[np.diag_indices_from(covariance)] += _SHRINKAGE
    values, vectors = np.linalg.eigh(covariance)
    logarithm = (vectors * np.log(np.maximum(values, 1e-6))) @ vectors.T
    return np.asarray(logarithm[PAIRS] * np.where(PAIRS[0] == PAIRS[1], 1, np.sqrt(2)), np.float32)


@lru_cache(maxsize=1)
def _units() -> Array:
    return np.array([*SPREADS.values(), *DELTA_SPREADS.values()], np.float32)[:, None]
