"""The paper's feature set: means over frames of MFCC, chroma and mel bands, from one short-time spectrum a segment.

The numbers are those of `librosa.feature.mfcc`, `chroma_stft` and `melspectrogram` called one after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.config.settings import FeatureSettings
from ser_core.features.base import FeatureSet
from ser_core.features.spectra import chroma_filters, frames_of, mel_filters, power_blocks
from ser_core.features.tuning import spectral_peaks, tuning_of

Array = npt.NDArray[np.float32]

_PARAMETERS = {"set", "sample_rate_hz", "n_fft", "hop_length", "mel_scale", "mfcc", "chroma", "mel"}
"""Settings that change a number of this feature set; others' switches leave its fingerprint alone."""

REVISION = 1
"""Raised with every change to the code that changes a number."""

N_MFCC, N_MELS, TOP_DB, AMIN = 40, 128, 80.0, 1e-10
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

_MFCC = tuple(f"mfcc_{i:02d}_mean" for i in range(1, N_MFCC + 1))
_CHROMA = tuple(f"chroma_{name}_mean" for name in PITCH_CLASSES)
_MEL = tuple(f"mel_{i:03d}_mean" for i in range(1, N_MELS + 1))


class PaperFeatures(FeatureSet):
    """40 MFCC, 12 chroma, 128 mel bands (power), each of the three switchable."""

    def __init__(self, settings: FeatureSettings, shared: Mapping[str, Any]) -> None:
        self._settings = settings
        constants = {"revision": REVISION, "n_mfcc": N_MFCC, "n_mels": N_MELS, "top_db": TOP_DB}
        super().__init__(
            "paper", settings.sample_rate_hz, {**settings.model_dump(include=_PARAMETERS), **constants, **shared}
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """MFCC, then chroma, then mel, as far as they are switched on."""
        on = self._settings
        return _MFCC * on.mfcc + _CHROMA * on.chroma + _MEL * on.mel

    def extract(self, segments: Sequence[Array]) -> Array:
        """See `FeatureSet.extract`."""
        vectors = np.empty((len(segments), self.dimension), dtype=np.float32)
        for i, y in enumerate(segments):
            if y.ndim != 1 or y.size == 0:
                raise ValueError(f"segment {i} has the shape {y.shape}; expected (samples,), one sample or more")
            vectors[i] = self._vector(y)
        return vectors

    def _vector(self, y: Array) -> Array:
        on, sr = self._settings, self.sample_rate
        frames = frames_of(np.asarray(y, dtype=np.float32), on.n_fft, on.hop_length)
        filters = mel_filters(sr, on.n_fft, N_MELS, on.mel_scale == "htk") if on.mel or on.mfcc else None
        mel, peaks, kept = [], [], None
        for power in power_blocks(frames):
            if filters is not None:
                mel.append(power @ filters)
            if on.chroma:
                peaks.append(spectral_peaks(power, sr))
            kept = power
        parts: list[npt.NDArray[np.float64]] = []
        if on.mfcc:
            parts.append(mean_mfcc(mel))
        if on.chroma:
            # the tuning needs every frame first: only a segment of several blocks is transformed twice
            powers = [kept] if kept is not None and len(kept) == len(frames) else power_blocks(frames)
            weights = chroma_filters(sr, on.n_fft, tuning_of(peaks))
            parts.append(_mean([chroma(power, weights) for power in powers]))
        if on.mel:
            parts.append(_mean(mel))
        return np.concatenate(parts).astype(np.float32)


def mean_mfcc(mel: Sequence[Array]) -> npt.NDArray[np.float64]:
    """Means of the MFCC, shape (40,), from blocks of mel power, each of shape (frames, 128).

    Davis & Mermelstein 1980, on decibels floored 80 below the segment's maximum. The cosine transform is linear, so
    it is taken of the mean.
    """
    decibels = [10 * np.log10(np.maximum(block, np.float32(AMIN))) for block in mel]
    floor = max(float(block.max()) for block in decibels) - TOP_DB
    mean = _mean([np.maximum(block, np.float32(floor)) for block in decibels])
    return np.asarray(scipy.fft.dct(mean, type=2, norm="ortho")[:N_MFCC])


def chroma(power: Array, weights: Array) -> Array:
    """Chroma of each frame, shape (frames, 12), the strongest class of a frame being 1; a silent frame stays 0."""
    raw = power @ weights
    strongest = raw.max(axis=1, keepdims=True)
    audible = strongest >= np.finfo(np.float32).tiny
    normalised: Array = np.divide(raw, strongest, out=raw, where=audible)
    return normalised


def _mean(blocks: Sequence[Array]) -> npt.NDArray[np.float64]:
    """Mean over the frames of all blocks, shape (bands,)."""
    total = sum((block.sum(axis=0, dtype=np.float64) for block in blocks), np.zeros(blocks[0].shape[1]))
    return np.asarray(total / sum(len(block) for block in blocks))
