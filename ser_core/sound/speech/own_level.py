"""The level of a channel's own speech, and what is too far below it to be its speaker's.

On a real line the other party is heard through the handset, and the line hums, both far below the speaker. Somebody who
speaks near the microphone does not fall 30 dB below their own loud speech, except in pauses.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from ser_core.sound.audio.levels import decibels
from ser_core.sound.speech.bands import FRAMES_PER_S, hop_length

Array = npt.NDArray[np.float32]
Levels = npt.NDArray[np.int8]
Spans = list[tuple[float, float]]

OWN_BELOW_DB = 37.0
"""Below the own level, which is 3 to 6 dB above the 90 % quantile of a speaker's frames: what is lower is not the
speaker. On the real legs that is all that is more than 30 dB below a leg's loud segments; in built calls, where one
person whispers and shouts, it costs no recall to speak of (0.976)."""
STRETCH_BELOW_DB = 27.0
"""Below a stretch's own level, so that a soft word keeps its consonants: what is lower is a pause."""
CLOSURE_FRAMES = 16
"""A gap up to 0.2 s within a stretch, less what the 50 ms of a frame reach into it, is part of speech. A longer one is
a pause."""
FEWEST_FRAMES = 5
"""Fewer frames between two pauses are a click."""

_SMOOTHING = 5
_LOWEST_DB, _HIGHEST_DB = -120, 20


def frame_levels(y: Array, sr: int) -> Levels:
    """Decibels of `y`, shape (n,), every 10 ms, over 50 ms: whole numbers, shape (n // hop,), one frame at least."""
    hop = hop_length(sr)
    y = np.pad(y, (0, max(0, hop - len(y))))
    frames = y[: len(y) // hop * hop].reshape(-1, hop)
    power = np.einsum("ij,ij->i", frames, frames) / np.float32(hop)
    level = np.rint(decibels(uniform_filter1d(power, _SMOOTHING, mode="nearest")))
    return np.asarray(np.clip(level, _LOWEST_DB, _HIGHEST_DB), np.int8)


def own_level(levels: Levels) -> float:
    """The level of which louder frames hold half of the energy, in decibels; `levels` of a channel, shape (n,).

    It is that of the speaker even where the other party's echo lasts longer. -120 where there is no frame.
    """
    counts = np.bincount(levels.astype(np.intp) - _LOWEST_DB, minlength=_HIGHEST_DB - _LOWEST_DB + 1)
    energy = counts * 10.0 ** (np.arange(_LOWEST_DB, _HIGHEST_DB + 1) / 10)
    louder = np.cumsum(energy[::-1])[::-1]
    return float(np.flatnonzero(louder >= louder[0] / 2)[-1] + _LOWEST_DB) if len(levels) else float(_LOWEST_DB)


class OwnSpeech:
    """The stretches of one channel, which are measured at its end, when its own level is known."""

    def __init__(self, sr: int) -> None:
        self._sr = sr
        self._starts: list[float] = []
        self._levels: list[Levels] = []

    def add(self, start_s: float, y: Array) -> None:
        """A stretch of samples `y`, shape (n,), behind those before."""
        self._starts.append(start_s)
        self._levels.append(frame_levels(y, self._sr))

    def level_db(self) -> float:
        """The channel's own level, see `own_level`."""
        return own_level(np.concatenate([np.empty(0, np.int8), *self._levels]))

    def lowest_segment_db(self) -> float:
        """A segment whose loudness is below is not the speaker's."""
        return self.level_db() - OWN_BELOW_DB

    def spans(self) -> Spans:
        """Speech without its pauses: start and end in seconds, in order, none of them touching the next."""
        own, closure = self.level_db(), CLOSURE_FRAMES / FRAMES_PER_S
        spans: Spans = []
        for start_s, levels in zip(self._starts, self._levels, strict=True):
            lowest = max(own_level(levels) - STRETCH_BELOW_DB, own - OWN_BELOW_DB)
            inside = np.pad(levels >= lowest, 1)
            edges = np.flatnonzero(inside[1:] != inside[:-1]) * (hop_length(self._sr) / self._sr) + start_s
            for start, end in edges.reshape(-1, 2).tolist():
                if spans and start - spans[-1][1] <= closure + 1e-6:
                    spans[-1] = (spans[-1][0], end)
                else:
                    spans.append((start, end))
        return [span for span in spans if span[1] - span[0] >= FEWEST_FRAMES / FRAMES_PER_S - 1e-6]
