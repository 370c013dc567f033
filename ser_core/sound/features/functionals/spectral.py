"""Spectral descriptors: 25 ms frames under a periodic Hann window, a hundred a second.

| descriptor | what it is, and its source |
|---|---|
| `logmel00` … `31` | natural logarithm of power in mel bands |
| `mfcc00` … `19` | their orthonormal cosine transform (Davis & Mermelstein 1980) |
| `rms` | level in dB of full scale squared |
| `loudness` | sum of mel bands to the power 0.23 (Hermansky 1990; as in eGeMAPS, Eyben et al. 2016) |
| `centroid`, `spread`, `skewness`, `kurtosis` | the power spectrum's moments, logs but for skewness (Peeters 2004) |
| `rolloff25` … `90` | log frequency below which that share of power lies (Peeters 2004) |
| `flatness`, `entropy` | log of geometric over arithmetic mean; Shannon's entropy in nats (Misra et al. 2004) |
| `flux` | distance between the roots of neighbouring normalised spectra (Hellinger's, times √2; Eyben 2016) |
| `alpha`, `hammarberg` | dB 50–1,000 against 1,000–5,000 Hz; peak below 2 kHz against peak 2–5 kHz (eGeMAPS) |
| `slope0`, `slope500` | dB a kHz over 0–500 and 500–1,500 Hz (eGeMAPS) |
| `band0` … `band3000` | dB of six bands against the whole |
| `crest0` … `3` | log of the peak above the mean of logs, four octaves from 100 Hz (after Jiang et al. 2002) |
| `zcr` | share of neighbouring samples with different signs, over 30 ms |
| `teager` | log mean of Teager's energy over 30 ms (Kaiser 1990) |

In silence every descriptor is finite: that of a spectrum without power.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import power_of
from ser_core.sound.features.functionals.frames import POWER_FLOOR, framed, smoothed
from ser_core.sound.features.functionals.spectral_plan import BANDS_HZ, N_MELS, N_MFCC, SpectralPlan, spectral_plan

Array = npt.NDArray[np.float32]

LOG_MEL = tuple(f"logmel{i:02d}" for i in range(N_MELS))
MFCC = tuple(f"mfcc{i:02d}" for i in range(N_MFCC))
SHAPE = (
    *("rms", "loudness", "centroid", "spread", "skewness", "kurtosis"),
    *("rolloff25", "rolloff50", "rolloff75", "rolloff90", "flatness", "entropy", "flux"),
    *("alpha", "hammarberg", "slope0", "slope500"),
    *(f"band{low}" for low, _ in BANDS_HZ),
    *("crest0", "crest1", "crest2", "crest3"),
)
WAVE = ("zcr", "teager")
SPECTRAL = (*LOG_MEL, *MFCC, *SHAPE, *WAVE)

_FLOOR = np.float32(POWER_FLOOR)
_DB = np.float32(10 / np.log(10))
_SHARES = (0.25, 0.5, 0.75, 0.9)
_BLOCK_FRAMES = 1024
_MIN_VARIANCE_KHZ2 = 1e-3


def spectral_descriptors(y: Array, sr: int, n_frames: int) -> Array:
    """The descriptors `SPECTRAL` of `y`, shape (samples,), at `sr` hertz: float32 (81, n_frames)."""
    plan = spectral_plan(sr)
    frames = framed(y, len(plan.window), plan.hop, n_frames)
    out = np.empty((len(SPECTRAL), n_frames), np.float32)
    shape = slice(N_MELS + N_MFCC, -len(WAVE))
    for start in range(0, n_frames, _BLOCK_FRAMES):  # memory does not grow with the segment's spectra
        stop = min(start + _BLOCK_FRAMES, n_frames)
        before = min(start, 1)  # flux needs the frame before
        spectra = power_spectra(frames[start - before : stop], plan)
        mapped = spectra @ plan.maps
        log_mel = np.log(mapped[before:, :N_MELS] + _FLOOR)
        out[:N_MELS, start:stop] = log_mel.T
        out[N_MELS : N_MELS + N_MFCC, start:stop] = (log_mel @ plan.cosines).T
        out[shape, start:stop] = spectral_shape(spectra, mapped, plan)[:, before:]
    out[-2:] = _wave(y, plan.hop, n_frames)
    return out


def power_spectra(frames: Array, plan: SpectralPlan) -> Array:
    """Power in every bin, shape (frames, bins), with 0 at 0 Hz."""
    power = power_of(scipy.fft.rfft(frames * plan.window, plan.n_fft, axis=1, overwrite_x=True))
    power[:, 0] = 0
    return np.asarray(power, np.float32)


def spectral_shape(power: Array, mapped: Array, plan: SpectralPlan) -> Array:
    """The descriptors `SHAPE` of power spectra, shape (frames, bins): float32 (27, frames).

    `mapped` is their power in the bands of the plan, shape (frames, 40).
    """
    out = np.empty((len(SHAPE), len(power)), np.float32)
    total = power.sum(axis=1)
    share = power / (total + _FLOOR)[:, None]
    logs = np.log(power[:, 1:] + _FLOOR)
    decibels = _DB * np.log(mapped[:, N_MELS:] + _FLOOR).T
    whole = _DB * np.log(total + _FLOOR)
    out[0] = whole + np.float32(10 * np.log10(2 / plan.n_fft))
    out[1] = np.power(mapped[:, :N_MELS], np.float32(0.23)).sum(axis=1)
    out[2:6] = spectral_moments(share, plan)
    out[6:10] = rolloff(share, plan)
    out[10] = logs.mean(axis=1) - np.log(power[:, 1:].mean(axis=1) + _FLOOR)
    out[11] = np.log(total + _FLOOR) * share.sum(axis=1) - np.einsum("ij,ij->i", share[:, 1:], logs)
    out[12] = flux(share)
    out[13] = decibels[6] - decibels[7]
    out[14] = _DB * (logs[:, : plan.to_2k].max(axis=1) - logs[:, plan.to_2k : plan.to_5k].max(axis=1))
    out[15:17] = (logs @ plan.slopes).T
    out[17:23] = decibels[:6] - whole
    for i, (low, high) in enumerate(zip(plan.crests, plan.crests[1:], strict=False)):
        out[23 + i] = logs[:, low:high].max(axis=1) - logs[:, low:high].mean(axis=1)
    return out


def spectral_moments(share: Array, plan: SpectralPlan) -> npt.NDArray[np.float64]:
    """Centroid, spread, skewness and kurtosis, shape (4, frames).

    In double precision: the fourth central moment of a narrow spectrum is the difference of numbers 10,000 times as
    large.
    """
    m1, m2, m3, m4 = (share.astype(np.float64) @ plan.powers).T
    variance = np.maximum(m2 - m1 * m1, _MIN_VARIANCE_KHZ2)
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
    return np.stack(
        [
            np.log(1000 * m1 + 50),
            np.log(1000 * np.sqrt(variance)),
            np.clip(third / variance**1.5, -20, 20),
            np.log(np.clip(fourth / variance**2, 0.1, 1e4)),
        ]
    )


def rolloff(share: Array, plan: SpectralPlan) -> Array:
    """Log frequencies in hertz below which the shares of power lie, shape (4, frames); in silence, the lowest bin."""
    rows, bins = share.shape
    running = np.cumsum(share, axis=1, dtype=np.float64)
    wanted = running[:, -1:] * np.array(_SHARES)
    raised = 2.0 * np.arange(rows)[:, None]  # lifts each row above the row before: one sorted array to search
    running += raised
    at = np.searchsorted(running.ravel(), (wanted + raised).ravel()).reshape(rows, -1) - bins * np.arange(rows)[:, None]
    step = plan.hz[1]
    return np.asarray(np.log((at.T + 1) * step), np.float32)


def flux(share: Array) -> Array:
    """Distance of each frame from the one before between the roots of their shares, (frames,); 0 for the first."""
    roots = np.sqrt(share)
    step = roots[1:] - roots[:-1]
    out = np.zeros(len(share), np.float32)
    out[1:] = np.sqrt(np.einsum("ij,ij->i", step, step))
    return out


def _wave(y: Array, hop: int, n_frames: int) -> Array:
    """Zero crossings and log Teager energy, shape (2, frames)."""
    both = np.zeros((2, max(n_frames * hop, len(y))), np.float32)
    negative = np.signbit(y)
    both[0, 1 : len(y)] = negative[1:] != negative[:-1]
    if len(y) > 2:
        both[1, 1 : len(y) - 1] = np.abs(y[1:-1] * y[1:-1] - y[:-2] * y[2:])
    crossings, teager = both[:, : n_frames * hop].reshape(2, n_frames, hop).mean(axis=2)
    return np.stack([smoothed(crossings), np.log(smoothed(teager) + _FLOOR)])
