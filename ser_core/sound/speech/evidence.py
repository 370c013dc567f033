"""How far each frame of a channel exceeds its noise, which is tracked while the channel is streamed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ser_core.sound.audio.levels import decibels
from ser_core.sound.speech.bands import BANDS, FRAMES_PER_S

Array = npt.NDArray[np.float32]

CHUNK = 5 * FRAMES_PER_S
"""Frames decided at a time, counted from the start of the channel, so that the size of blocks changes nothing."""
PAST_CHUNKS, FUTURE_CHUNKS = 3, 1
"""The noise of a chunk is measured over 25 seconds around it."""
NOISE_QUANTILE = 0.1
"""Of a band's power. A speaker pauses for at least a tenth of the time (minimum statistics, Martin 2001)."""
SMOOTHING = 5
NEIGHBOURHOOD = 3 * FRAMES_PER_S + 1
NOISE_FLOOR_DBFS = -80.0
"""About the rounding noise of 16-bit and G.711 audio. No frame below is speech, and noise counts as no weaker."""


@dataclass(frozen=True)
class Evidence:
    """Decibels of successive frames: shape (n,), `bands_db` (n, bands).

    `above_noise_db`: mean over the bands of power relative to the band's noise, smoothed over 50 ms. `level_dbfs`:
    power of 100 to 3,800 Hz. `below_peak_db`: distance of that level from its maximum within 1.5 s.
    """

    above_noise_db: Array
    level_dbfs: Array
    below_peak_db: Array
    bands_db: Array

    def part(self, start: int, end: int | None = None) -> Evidence:
        """The frames from `start` up to `end`."""
        return Evidence(*(values[start:end] for values in self._all()))

    def then(self, *later: Evidence) -> Evidence:
        """These frames, then those of `later`."""
        parts = (self._all(), *(evidence._all() for evidence in later))
        return Evidence(*(np.concatenate(same) for same in zip(*parts, strict=True)))

    def _all(self) -> tuple[Array, Array, Array, Array]:
        return self.above_noise_db, self.level_dbfs, self.below_peak_db, self.bands_db


def no_evidence() -> Evidence:
    """No frames."""
    empty = np.empty(0, dtype=np.float32)
    return Evidence(empty, empty, empty, np.empty((0, BANDS), dtype=np.float32))


class NoiseTracker:
    """Band power of shape (frames, bands) goes in, evidence comes out one chunk later."""

    def __init__(self) -> None:
        self._power = np.empty((BANDS, 0), dtype=np.float32)
        self._level = np.empty(0, dtype=np.float32)
        self._decided = 0  # of the held frames

    def push(self, power: Array) -> Evidence:
        """Evidence of the chunks that are followed by a complete chunk."""
        self._power = np.concatenate([self._power, power.T], axis=1)
        self._level = np.concatenate([self._level, decibels(power.sum(axis=1))])
        decided: list[Evidence] = []
        while len(self._level) >= self._decided + (1 + FUTURE_CHUNKS) * CHUNK:
            decided.append(self._decide(CHUNK))
        return no_evidence().then(*decided)

    def finish(self) -> Evidence:
        """Evidence of the remaining frames."""
        decided: list[Evidence] = []
        while self._decided < len(self._level):
            decided.append(self._decide(min(CHUNK, len(self._level) - self._decided)))
        return no_evidence().then(*decided)

    def _decide(self, count: int) -> Evidence:
        start, end = self._decided, self._decided + count
        around = end + FUTURE_CHUNKS * CHUNK
        smooth = uniform_filter1d(self._power[:, :around], SMOOTHING, axis=1, mode="nearest")
        floor = 10 ** (NOISE_FLOOR_DBFS / 10)
        lowest = int(NOISE_QUANTILE * (smooth.shape[1] - 1))
        noise = np.maximum(np.partition(smooth, lowest, axis=1)[:, lowest], np.float32(floor / BANDS))
        first = max(0, start - NEIGHBOURHOOD // 2)  # the first frame that counts for their maximum
        near = self._level[first : min(around, end + NEIGHBOURHOOD // 2)]
        peak = maximum_filter1d(near, NEIGHBOURHOOD, mode="nearest")[start - first : end - first]
        level = self._level[start:end].copy()
        smooth_frames = np.ascontiguousarray(smooth[:, start:end].T)
        evidence = Evidence(
            decibels((smooth_frames / noise).mean(axis=1)), level, peak - level, decibels(smooth_frames)
        )
        spent = max(0, end - PAST_CHUNKS * CHUNK)
        self._power, self._level, self._decided = self._power[:, spent:], self._level[spent:], end - spent
        return evidence
