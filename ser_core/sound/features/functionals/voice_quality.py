"""Descriptors of the voice: 40 ms frames under a periodic Hann window at 8 kHz, a hundred a second.

| descriptor | what it is, and its source |
|---|---|
| `f0` | semitones above 27.5 Hz (Boersma 1993; the scale of eGeMAPS, Eyben et al. 2016) |
| `voicing` | share of power that is periodic, 0 to 1 (Boersma 1993) |
| `hnr` | the same as a ratio of harmonics to noise, dB, -20 to 40 (Boersma 1993, eq. 4) |
| `jitter` | log of the change of F0 between voiced frames, semitones: approximates the change from period to period |
| `shimmer` | change of the frame's peak between voiced frames, dB: likewise |
| `lpcgain` | log share of energy in the error of linear prediction (Makhoul 1975) |
| `h1h2`, `h1a3` | dB of the first harmonic above the second, above the third formant (Hanson 1997) |
| `harm2` … `6` | dB of a harmonic against the mean of the first six |
| `formant1` … `3` | log hertz (Makhoul 1975; McCandless 1974) |
| `formant1amp` … `3amp` | dB of the strongest bin near a formant against the first harmonic (eGeMAPS) |
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.sound.features.functionals.formants import N_FORMANTS, envelope
from ser_core.sound.features.functionals.pitch import Mask, Pitch, pitch
from ser_core.sound.features.functionals.source_plan import N_FFT, SourceFrames

Array = npt.NDArray[np.float32]

N_HARMONICS = 6
PERIODICITY = ("f0", "voicing", "hnr")
QUALITY = (
    *("jitter", "shimmer", "lpcgain", "h1h2", "h1a3"),
    *(f"harm{k}" for k in range(2, N_HARMONICS + 1)),
    *(f"formant{k}" for k in range(1, N_FORMANTS + 1)),
    *(f"formant{k}amp" for k in range(1, N_FORMANTS + 1)),
)
VOICE = (*PERIODICITY, *QUALITY)

_MOST_SEMITONES, _MOST_DB = 4.0, 10.0


def voice_descriptors(y: Array, sr: int, n_frames: int) -> tuple[Array, Mask]:
    """The descriptors `VOICE` of `y`, shape (samples,), at `sr` hertz: float32 (19, n_frames); and which frames are
    voiced, shape (n_frames,)."""
    frames = SourceFrames(y, sr, n_frames)
    course = pitch(frames)
    lpc = envelope(frames)
    out = np.empty((len(VOICE), n_frames), np.float32)
    out[0], out[1] = course.semitones, course.strength
    out[2] = hnr_of(course.strength)
    out[3], out[4] = perturbations(frames.windowed, course)
    out[5] = lpc.gain
    bin_hz = frames.plan.sr / N_FFT
    harmonic_bins = np.rint(course.hz[:, None] * np.arange(1, N_HARMONICS + 1) / bin_hz).astype(np.intp)
    harmonics = frames.loudest(harmonic_bins, 1).T
    peaks = frames.loudest(np.rint(lpc.formants_hz / bin_hz).astype(np.intp), 4).T - harmonics[0]
    out[6], out[7] = harmonics[0] - harmonics[1], -peaks[2]
    out[8:13] = harmonics[1:] - harmonics.mean(axis=0)
    out[13:16] = np.log(lpc.formants_hz.T)
    out[16:] = peaks
    return out, course.voiced


def hnr_of(strength: Array) -> Array:
    """Harmonics-to-noise ratio in decibels of the autocorrelation's peak, 0 to below 1 (Boersma 1993, eq. 4)."""
    return np.asarray(np.clip(10 * np.log10(strength / (1 - strength) + np.float32(1e-4)), -20, 40))


def perturbations(windowed: Array, course: Pitch) -> tuple[Array, Array]:
    """Jitter and shimmer from frame to frame, each of shape (frames,).

    They have their lowest value where a frame or the frame before is unvoiced.
    """
    both = course.voiced[1:] & course.voiced[:-1]
    jitter, shimmer = np.zeros((2, len(windowed)), np.float32)
    steps = np.abs(np.diff(course.raw_semitones))
    jitter[1:] = np.where(both, np.minimum(steps, _MOST_SEMITONES), 0)
    peaks = 20 * np.log10(np.maximum(windowed.max(axis=1), -windowed.min(axis=1)) + np.float32(1e-5))
    shimmer[1:] = np.where(both, np.minimum(np.abs(np.diff(peaks)), _MOST_DB), 0)
    return np.log(jitter + np.float32(0.01)), shimmer
