"""The spectrum of a segment's active frames, without the gain of the recording: 25 ms under a Hann window, every 10 ms.

librosa computes the transform, the level, the mel filters, decibels and cepstral coefficients. It is loaded with the
first segment, as that takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ser_core.sound.audio.fourier import power_of
from ser_core.sound.audio.librosa_loading import librosa
from ser_core.sound.features.functionals.frames import MIN_FRAMES
from ser_core.sound.features.relative.active_frames import LOUD_QUANTILE, Mask, active_frames
from ser_core.sound.speech.bands import hop_length
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

WINDOW_S = 0.025
N_BANDS, N_CEPSTRAL = 32, 20
FROM_HZ = 50.0
FLOOR = 1e-8
"""Power added to every bin, where all bins of a loud frame together have the power 1. Together it is 56 to 59 dB
below a loud frame: weaker sounds are the coding's noise."""
LOWEST_DB = -60.0
_SILENCE = 1e-10
"""Amplitude of the loudest frame of digital silence."""


class Spectrum(NamedTuple):
    """The active frames of one segment."""

    power: Array  # (frames, bins), of a loud frame the sum is 1
    level_db: Array  # (frames,), 0 is the segment's loud level, -60 the lowest
    active: Mask  # (all frames of the segment,)
    loud: float  # amplitude of a loud frame: its root mean square under the window


@dataclass(frozen=True)
class SpectrumPlan:
    """Constants for one sampling rate."""

    sr: int
    hop: int
    window: int
    n_fft: int
    mel: Array  # (bins, 32), triangles of height 1


@lru_cache(maxsize=8)
def spectrum_plan(sr: int) -> SpectrumPlan:
    """The plan at `sr` hertz, 8,000 or more."""
    window = round(WINDOW_S * sr)
    n_fft = 1 << int(np.ceil(np.log2(window)))
    mel = librosa().filters.mel(sr=sr, n_fft=n_fft, n_mels=N_BANDS, fmin=FROM_HZ, htk=True, norm=None)
    return SpectrumPlan(sr, hop_length(sr), window, n_fft, np.ascontiguousarray(mel.T, np.float32))


def spectrum(y: Array, plan: SpectrumPlan) -> Spectrum:
    """The spectrum of `y`, shape (samples,). Frame `k` is centred on sample `k * hop`; zeros are beyond the ends."""
    shortest = max(MIN_FRAMES * plan.hop, plan.n_fft)
    y = np.pad(y, (0, shortest - len(y))) if len(y) < shortest else y
    transform = librosa().stft(y, n_fft=plan.n_fft, hop_length=plan.hop, win_length=plan.window)
    power = power_of(transform.T)
    level = librosa().feature.rms(S=np.sqrt(power).T, frame_length=plan.n_fft)[0]
    active = active_frames(librosa().amplitude_to_db(level, ref=1.0, amin=_SILENCE, top_db=None))
    loud = max(float(quantiles(level[active], (LOUD_QUANTILE,))[0]), _SILENCE)
    power = power[active]
    power *= np.float32(2 / (loud * plan.n_fft) ** 2)
    power[:, 0] = 0
    power += np.float32(FLOOR)
    relative = level[active] / np.float32(loud)
    decibels = librosa().amplitude_to_db(relative, ref=1.0, amin=10 ** (LOWEST_DB / 20), top_db=None)
    return Spectrum(power, decibels, active, loud)


def mel_decibels(power: Array, plan: SpectrumPlan) -> Array:
    """Decibels in mel bands (O'Shaughnessy 1987) from 50 Hz to half the rate, shape (32, frames)."""
    return np.asarray(librosa().power_to_db((power @ plan.mel).T, ref=1.0, amin=1e-10, top_db=None))


def cepstrum(bands_db: Array) -> Array:
    """Mel-frequency cepstral coefficients 1 to 19 (Davis & Mermelstein 1980), shape (19, frames). Coefficient 0 is the
    level."""
    return np.asarray(librosa().feature.mfcc(S=bands_db, n_mfcc=N_CEPSTRAL)[1:])
