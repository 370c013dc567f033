"""Cutting a channel into segments while it streams by.

A segmenter takes blocks of one channel at the analysis rate and yields segments as soon as they are complete. Silent
segments are left out.

A stretch of speech between two pauses is one segment, and its short pauses stay in it. A stretch shorter than `min_s`
(an isolated "yes") is widened evenly on both sides, at most to the middle of the shortest possible pause, so that
segments never overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import SegmentSettings
from ser_core.sound.speech import SpeechActivity
from ser_core.sound.speech.activity import Stretch
from ser_core.sound.speech.own_level import OwnSpeech
from ser_core.sound.speech.voice_test import is_voice

Array = npt.NDArray[np.float32]

SILENCE_DBFS = -70.0
"""A segment that never leaves this level is silent: ten steps of 16-bit audio, below the smallest steps of G.711."""


class Segment(NamedTuple):
    """A stretch of one channel: seconds from the start of the recording, and its samples, shape (n,)."""

    start_s: float
    end_s: float
    y: Array


class Segmenter(Protocol):
    """Cuts one channel: `push` for each block, then `finish` once."""

    def push(self, y: Array) -> Iterator[Segment]:
        """Segments that are complete with this block of shape (n,)."""

    def finish(self) -> Iterator[Segment]:
        """Segments that end with the recording."""


def open_segmenter(settings: SegmentSettings, sr: int) -> Segmenter:
    """A fresh segmenter for one channel at `sr` samples a second."""
    if settings.mode == "speech":
        return SpeechSegmenter(settings, sr)
    if settings.mode == "whole":
        return WindowSegmenter(sr, None, 0)
    return WindowSegmenter(sr, max(1, round(settings.window_s * sr)), max(1, round(settings.min_s * sr)))


class WindowSegmenter:
    """Windows of `window` samples end to end; None: the whole channel is one window.

    A remainder shorter than `shortest` samples is joined to the window before it, so at most `window + shortest`
    samples are held. A recording shorter than that is one segment.
    """

    def __init__(self, sr: int, window: int | None, shortest: int) -> None:
        self._sr, self._window, self._shortest = sr, window, shortest
        self._held: list[Array] = []
        self._held_samples = 0
        self._start = 0

    def push(self, y: Array) -> Iterator[Segment]:
        """Windows that are complete and whose remainder is long enough for a window of its own."""
        self._held.append(y)
        self._held_samples += len(y)
        if self._window is None or self._held_samples < self._window + self._shortest:
            return
        held = np.concatenate(self._held)
        while len(held) >= self._window + self._shortest:
            yield from self._cut(held[: self._window])
            held = held[self._window :]
        self._held, self._held_samples = [held.copy()], len(held)

    def finish(self) -> Iterator[Segment]:
        """The last window with its remainder."""
        if self._held_samples:
            yield from self._cut(np.concatenate(self._held))
        self._held, self._held_samples = [], 0

    def _cut(self, y: Array) -> Iterator[Segment]:
        start, self._start = self._start, self._start + len(y)
        if not is_silent(y):
            yield Segment(start / self._sr, self._start / self._sr, y)


class SpeechSegmenter:
    """Segments that are stretches of speech: of what rises above the noise, those that are a voice.

    `own` knows the channel's own level and its speech without pauses.
    """

    def __init__(self, settings: SegmentSettings, sr: int) -> None:
        self._sr, self._activity = sr, SpeechActivity(settings, sr)
        self._shortest = round(settings.min_s * sr)
        self._widen = max(0, round((settings.pause_s / 2 - settings.margin_s) * sr))
        self._held: list[Array] = []
        self._start, self._samples = 0, 0
        self.own = OwnSpeech(sr)

    @property
    def speech(self) -> list[tuple[float, float]]:
        """The speech so far without its pauses, (start_s, end_s) in order.

        It is whole even where segments are cut at `max_s`. What is far below the channel's own level is left out.
        """
        return self.own.spans()

    def push(self, y: Array) -> Iterator[Segment]:
        """Segments whose end is certain."""
        self._held.append(y)
        self._samples += len(y)
        yield from self._segments(self._activity.push(y))

    def finish(self) -> Iterator[Segment]:
        """Segments that end with the recording."""
        yield from self._segments(self._activity.finish())
        self._held = []

    def _segments(self, stretches: list[Stretch]) -> Iterator[Segment]:
        if stretches:
            held = np.concatenate(self._held)
            for start, end in stretches:
                stretch = held[start - self._start : end - self._start]
                if not is_voice(stretch, self._sr):
                    continue
                self.own.add(start / self._sr, stretch)
                widen = min(max(0, self._shortest - (end - start) + 1) // 2, self._widen)
                first, last = max(0, start - widen), min(end + widen, self._samples)
                y = held[first - self._start : last - self._start].copy()
                if not is_silent(y):
                    yield Segment(first / self._sr, last / self._sr, y)
        settled = self._activity.settled - self._widen
        while len(self._held) > 1 and self._start + len(self._held[0]) <= settled:
            self._start += len(self._held.pop(0))


def is_silent(y: Array) -> bool:
    """Whether `y` never swings further than -70 dBFS around its middle: a constant offset is no sound."""
    return float(np.ptp(y)) / 2 < 10 ** (SILENCE_DBFS / 20)
