"""Waveform envelope and spectral images of a recording, reduced to the columns that fit on a page."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ser_core.sound.features.filters import chroma_filters, mel_filters
from ser_core.sound.features.spectra import Frames, power_blocks

Array = NDArray[np.float32]

N_MELS = 128
N_MFCC = 20
COLUMNS = 1400
"""Most columns of an image: about the resolution of a page."""

_DYNAMIC_RANGE_DB = 80.0
_FRAME_S = 0.064
_HOP_S = 0.016


class SpectralImages(NamedTuple):
    """Images over time: `mel_db` (N_MELS, t) below its own maximum, `mfcc` (N_MFCC, t), `chroma` (12, t) from C."""

    mel_db: Array
    mfcc: Array
    chroma: Array


def envelope(y: Array, columns: int) -> tuple[Array, Array]:
    """(lowest, highest) sample of `y` (n,) in each of at most `columns` equal parts, so that no peak is lost."""
    edges = np.linspace(0, len(y), min(columns, len(y)) + 1).astype(np.int64)[:-1]
    return np.minimum.reduceat(y, edges), np.maximum.reduceat(y, edges)


def _by_column(frames: Array, columns: int) -> Array:
    """Mean of `frames` (t, d) over at most `columns` equal parts of the time."""
    edges = np.linspace(0, len(frames), min(columns, len(frames)) + 1).astype(np.int64)
    sums = np.add.reduceat(frames, edges[:-1], axis=0)
    return np.asarray(sums / np.diff(edges)[:, None], dtype=np.float32)


def spectral_images(y: Array, sr: int) -> SpectralImages:
    """Mel spectrogram, MFCC and chroma of `y` (n,) at `sr`, at most `COLUMNS` wide.

    Frames are 64 ms long, every 16 ms. Powers are averaged within a column before the logarithm, so that long
    recordings show their levels. MFCC are the orthonormal DCT-II of the mel levels in decibels (Davis & Mermelstein
    1980).
    """
    n_fft = scipy.fft.next_fast_len(round(sr * _FRAME_S), real=True)
    to_mel, to_chroma = mel_filters(sr, n_fft, N_MELS, False), chroma_filters(sr, n_fft, 0.0)
    mels, chromas = [], []
    for power in power_blocks(Frames.of([y], n_fft, max(1, round(sr * _HOP_S)))):
        mels.append(to_mel(power))
        chromas.append(power @ to_chroma)
    mel = _by_column(np.concatenate(mels), COLUMNS)
    chroma = _by_column(np.concatenate(chromas), COLUMNS)
    mel_db = 10.0 * np.log10(np.maximum(mel, 1e-10))
    mel_db = np.maximum(mel_db - mel_db.max(), -_DYNAMIC_RANGE_DB)
    mfcc = scipy.fft.dct(mel_db, axis=1, norm="ortho")[:, :N_MFCC]
    chroma = chroma / np.maximum(chroma.max(axis=1, keepdims=True), 1e-10)
    return SpectralImages(mel_db.T, mfcc.T, chroma.T)
