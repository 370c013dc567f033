"""The paper's feature set: means over frames of MFCC, chroma and mel bands, from one short-time spectrum a segment.

The numbers are those of `librosa.feature.mfcc`, `chroma_stft` and `melspectrogram` called one after another. librosa
computes filters, decibels, cosine transform and normalisation. Three parts are ours, for speed: spectra of many
segments at once, the product with grouped filters, and the tuning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import FeatureSettings
from ser_core.sound.audio.librosa_loading import librosa
from ser_core.sound.features.base import FeatureSet, check_segments
from ser_core.sound.features.filters import N_CHROMA, chroma_filters, mel_filters
from ser_core.sound.features.spectra import BLOCK_SAMPLES, Frames, power_blocks, power_spectra
from ser_core.sound.features.tuning import Peaks, spectral_peaks, tunings

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

_PARAMETERS = {"set", "sample_rate_hz", "n_fft", "hop_length", "mel_scale", "mfcc", "chroma", "mel"}
"""Settings that change a number of this feature set. Other settings leave its fingerprint unchanged."""

REVISION = 1
"""Raised with every change to the code that changes a number."""

N_MFCC, N_MELS, TOP_DB, AMIN = 40, 128, 80.0, 1e-10
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

_MFCC = tuple(f"mfcc_{i:02d}_mean" for i in range(1, N_MFCC + 1))
_CHROMA = tuple(f"chroma_{name}_mean" for name in PITCH_CLASSES)
_MEL = tuple(f"mel_{i:03d}_mean" for i in range(1, N_MELS + 1))


class PaperFeatures(FeatureSet):
    """40 MFCC, 12 chroma, 128 mel bands (power). Each of the three can be switched off."""

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
        check_segments(segments)
        vectors = np.empty((len(segments), self.dimension), dtype=np.float32)
        counts = [1 + len(y) // self._settings.hop_length for y in segments]
        for first, last in _batches(counts, BLOCK_SAMPLES // self._settings.n_fft):
            vectors[first:last] = self._vectors(segments[first:last])
        return vectors

    def _vectors(self, segments: Sequence[Array]) -> Array:
        on, sr = self._settings, self.sample_rate
        frames = Frames.of(segments, on.n_fft, on.hop_length)
        filters = mel_filters(sr, on.n_fft, N_MELS, on.mel_scale == "htk")
        mel = np.empty((len(frames) if on.mel or on.mfcc else 0, N_MELS), np.float32)
        peaks, row, power = [], 0, np.empty(0, np.float32)
        for power in power_blocks(frames):
            stop = row + len(power)
            if len(mel):
                filters(power, out=mel[row:stop])
            if on.chroma:
                peaks.append(_peaks(power, frames.part(row, stop), sr).after(row))
            row = stop
        parts: list[Array] = []
        if on.mfcc:
            parts.append(mean_mfcc(mel, frames.bounds))
        if on.chroma:
            tuning = tunings(Peaks.joined(peaks), frames.bounds)
            parts.append(self._mean_chroma(frames, power if len(power) == len(frames) else None, tuning))
        if on.mel:
            parts.append(means(mel, frames.bounds))
        return np.concatenate(parts, axis=1)

    def _mean_chroma(self, frames: Frames, power: Array | None, tuning: npt.NDArray[np.float64]) -> Array:
        """Mean chroma of each segment, shape (segments, 12), from the power of all frames.

        The tuning needs every frame first. A segment of several blocks, whose power is no longer held, is transformed
        again.
        """
        out = np.empty((len(tuning), N_CHROMA), np.float32)
        bounds = frames.bounds.tolist()
        for i, (start, stop) in enumerate(pairwise(bounds)):
            weights = chroma_filters(self.sample_rate, frames.n_fft, float(tuning[i]))
            powers = [power[start:stop]] if power is not None else power_blocks(frames.part(start, stop))
            out[i] = sum(chroma(block, weights).sum(axis=0, dtype=np.float64) for block in powers) / (stop - start)
        return out


def _batches(counts: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """First segment, and one past the last, of batches of at most `most` frames, or of a single longer segment."""
    first = held = 0
    for i, count in enumerate(counts):
        if i > first and held + count > most:
            yield first, i
            first, held = i, 0
        held += count
    if counts:
        yield first, len(counts)


def _peaks(power: Array, frames: Frames, sr: int) -> Peaks:
    """The peaks of a block of frames; of doubtful frames, in double precision."""
    peaks = spectral_peaks(power, sr)
    if not len(peaks.doubtful):
        return peaks
    exact = power_spectra(frames.line, frames.at[peaks.doubtful], double=True)
    return peaks.replaced(peaks.doubtful, spectral_peaks(exact, sr))


def mean_mfcc(mel: Array, bounds: Rows) -> Array:
    """Means of each segment's MFCC, shape (segments, 40), from mel power of shape (frames, 128).

    Davis & Mermelstein 1980, on decibels floored 80 dB below the segment's maximum. The cosine transform is linear, so
    it is applied to the mean, and decibels to all segments at once: segment by segment takes twice the time.
    """
    decibels = librosa().power_to_db(mel, ref=1.0, amin=AMIN, top_db=None)
    floors = np.maximum.reduceat(decibels.max(axis=1), bounds[:-1]) - np.float32(TOP_DB)
    np.maximum(decibels, np.repeat(floors, np.diff(bounds))[:, None], out=decibels)
    return np.asarray(librosa().feature.mfcc(S=means(decibels, bounds).T, n_mfcc=N_MFCC).T)


def chroma(power: Array, weights: Array) -> Array:
    """Chroma of each frame, shape (frames, 12): the strongest class of a frame is 1, a silent frame is 0."""
    return np.asarray(librosa().util.normalize(power @ weights, norm=np.inf, axis=1))


def means(x: Array, bounds: Rows) -> Array:
    """Mean of each segment's frames, shape (segments, bands), from `x`, shape (frames, bands)."""
    sums = np.add.reduceat(x, bounds[:-1], axis=0, dtype=np.float64)
    return np.asarray(sums / np.diff(bounds)[:, None], np.float32)
