"""The shape of each frame's spectrum, whatever its level.

| descriptor | what it is, and its source |
|---|---|
| `centroid`, `spread`, `skewness` | moments of the power spectrum, logs but for skewness (Peeters 2004) |
| `rolloff25` … `90` | log frequency below which that share of power lies (Peeters 2004) |
| `flatness`, `entropy` | log of geometric over arithmetic mean; Shannon's entropy in nats (Misra et al. 2004) |
| `flux` | distance between the roots of neighbouring normalised spectra (Hellinger's, times √2; Eyben 2016) |
| `alpha`, `hammarberg` | dB 50–1,000 against 1,000–5,000 Hz; peak below 2 kHz against peak 2–5 kHz (eGeMAPS) |
| `slope0`, `slope500` | dB a kHz over 0–500 and 500–1,500 Hz (eGeMAPS) |
| `band0` … `band3000` | dB of six bands against the whole |
| `crest0` … `3` | log of the peak above the mean of logs, four octaves from 100 Hz (after Jiang et al. 2002) |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ser_core.sound.features.functionals.spectral import flux, rolloff
from ser_core.sound.features.functionals.spectral_plan import BANDS_HZ, N_MELS, SpectralPlan, spectral_plan

Array = npt.NDArray[np.float32]

SHAPES = (
    *("centroid", "spread", "skewness", "rolloff25", "rolloff50", "rolloff75", "rolloff90", "flatness", "entropy"),
    *("flux", "alpha", "hammarberg", "slope0", "slope500"),
    *(f"band{low}" for low, _ in BANDS_HZ),
    *("crest0", "crest1", "crest2", "crest3"),
)
_DB = np.float32(10 / np.log(10))
_FROM_KHZ = 1.0
"""Moments are taken about this frequency, so that single precision is enough."""
_MIN_VARIANCE_KHZ2 = 1e-3


@dataclass(frozen=True)
class ShapePlan:
    """Constants for one sampling rate. A product with the spectra gives all that is linear in power, another all that
    is linear in its logarithm: librosa's centroid and bandwidth alone take several times as long."""

    spectral: SpectralPlan
    of_power: Array  # (bins, 12): the eight bands, 1, and kilohertz from 1 kHz to the powers 1 to 3
    of_logs: Array  # (bins - 1, 7): the two slopes, the mean, and the means of the four octaves of the crests
    octaves: tuple[int, ...]  # edges in bins above 0 Hz: of the crests, then 2 and 5 kHz


@lru_cache(maxsize=8)
def shape_plan(sr: int) -> ShapePlan:
    """The plan at `sr` hertz, 8,000 or more."""
    plan = spectral_plan(sr)
    khz = plan.hz / 1000 - _FROM_KHZ
    of_power = np.column_stack([plan.maps[:, N_MELS:], np.ones(len(khz)), khz, khz**2, khz**3])
    bins = np.arange(len(khz) - 1)
    octaves = [(bins >= low) & (bins < high) for low, high in zip(plan.crests[:-1], plan.crests[1:], strict=True)]
    means = np.stack([part / part.sum() for part in (np.ones(len(bins)), *octaves)], axis=1)
    of_logs = np.column_stack([plan.slopes, means])
    return ShapePlan(plan, of_power.astype(np.float32), of_logs.astype(np.float32), plan.crests)


def shape(power: Array, sr: int) -> Array:
    """The descriptors `SHAPES` of spectra without zeros, shape (frames, bins), at `sr` hertz: float32 (24, frames)."""
    plan = shape_plan(sr)
    logs = np.log(power[:, 1:])
    linear = (power @ plan.of_power).T
    from_logs = (logs @ plan.of_logs).T
    total = linear[8]
    share = power / total[:, None]
    bands, whole = _DB * np.log(linear[:8]), np.log(total)
    to_2k, to_5k = plan.spectral.to_2k, plan.spectral.to_5k
    peaks = np.maximum.reduceat(logs, plan.octaves[:-1], axis=1).T
    out = np.empty((len(SHAPES), len(power)), np.float32)
    out[0:3] = _moments(linear[9:12] / total)
    out[3:7] = rolloff(share, plan.spectral)
    out[7] = from_logs[2] - np.log(power[:, 1:].mean(axis=1))
    out[8] = whole - np.einsum("ij,ij->i", share[:, 1:], logs)
    out[9] = flux(share)
    out[10] = bands[6] - bands[7]
    out[11] = _DB * (logs[:, :to_2k].max(axis=1) - logs[:, to_2k:to_5k].max(axis=1))
    out[12:14] = from_logs[:2]
    out[14:20] = bands[:6] - _DB * whole
    out[20:24] = peaks - from_logs[3:7]
    return out


def _moments(raw: Array) -> Array:
    """Log centroid, log spread and skewness, shape (3, frames), of moments about 1 kHz, shape (3, frames)."""
    m1, m2, m3 = raw
    variance = np.maximum(m2 - m1 * m1, np.float32(_MIN_VARIANCE_KHZ2))
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    hz = 1000 * (m1 + np.float32(_FROM_KHZ))
    return np.stack([np.log(hz + 50), np.log(1000 * np.sqrt(variance)), np.clip(third / variance**1.5, -20, 20)])
