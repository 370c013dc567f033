"""Stretches of speech in a channel that is streamed.

A frame is speech where it exceeds the noise around it and is not far below the loudest sound near it. The first
condition detects a quiet voice on a quiet line and a loud voice on a noisy line; the second excludes breath and echo.
webrtcvad keeps two to five times the silence, or, in its strictest mode, loses a tenth to a quarter of the speech
(tests/benchmarks/speech_activity.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from ser_core.config.settings import SegmentSettings
from ser_core.sound.speech.bands import FRAMES_PER_S, BandPower, hop_length
from ser_core.sound.speech.evidence import NOISE_FLOOR_DBFS, SMOOTHING, Evidence, NoiseTracker, no_evidence
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

SPEECH_REVISION = 2
"""Raised with every change to this package that moves a boundary."""

BLIP_FRAMES = 10
"""The fewest frames of speech in a stretch: a click covers up to eight, as frames overlap."""
PEAK_ABOVE_NOISE_DB = 3.0
"""A stretch that never exceeds the noise by more is a swell of the noise."""
STEADY_DB = 1.5
STEADY_FRAMES = 20
"""A stretch of 0.2 s or more whose bands keep their balance is a tone, a hum or a new noise, not speech. The balance is
measured by the spread between its quartiles: steady noise stays below, a voice 20 dB above the noise exceeds it."""


class Stretch(NamedTuple):
    """The first sample, and one past the last, from the start of the channel."""

    start: int
    end: int


class SpeechActivity:
    """Speech of one channel at `sr`: stretches between pauses of more than `pause_s`.

    Stretches longer than `max_s` are cut at their quietest moment. A stretch is returned at most 10 s plus `max_s`
    after its end.
    """

    def __init__(self, settings: SegmentSettings, sr: int) -> None:
        self._above, self._below = settings.above_noise_db, settings.below_peak_db
        self._pause = round(settings.pause_s * FRAMES_PER_S)
        self._longest = max(2, round(settings.max_s * FRAMES_PER_S))
        self._margin = min(round(settings.margin_s * FRAMES_PER_S), self._pause // 2)
        self._bands, self._tracker, self._hop = BandPower(sr), NoiseTracker(), hop_length(sr)
        self._held = no_evidence()
        self._start = 0  # frame at which `_held` begins
        self._end = 0  # one past the last frame of the last stretch
        self._samples = 0

    @property
    def settled(self) -> int:
        """No later stretch begins before this sample."""
        return max(0, self._start - self._margin) * self._hop

    def push(self, y: Array) -> list[Stretch]:
        """Stretches that this block, shape (n,), completes."""
        self._samples += len(y)
        return self._take(self._tracker.push(self._bands.push(y)), last=False)

    def finish(self) -> list[Stretch]:
        """Stretches that end with the channel."""
        rest = self._tracker.push(self._bands.finish()).then(self._tracker.finish())
        return self._take(rest, last=True)

    def _take(self, evidence: Evidence, last: bool) -> list[Stretch]:
        self._held = self._held.then(evidence)
        frames = keep_from = len(self._held.level_dbfs)
        pieces: list[tuple[int, int, bool]] = []
        for start, end in self._spans():
            if last or end + self._pause < frames:
                pieces += self._pieces(start, end)
                continue
            keep_from = start
            while end - keep_from > 2 * self._longest:
                at = self._quietest(keep_from + self._longest // 2, keep_from + self._longest)
                pieces.append((keep_from, at, True))
                keep_from = at
        stretches = [self._stretch(*piece) for piece in pieces if self._is_speech(*piece[:2])]
        self._held, self._start = self._held.part(keep_from), self._start + keep_from
        return stretches

    def _spans(self) -> list[tuple[int, int]]:
        """First frame, and one past the last, of each stretch of speech in the held frames, joined over pauses."""
        active = np.pad(self._active(self._held), 1)
        edges = np.flatnonzero(active[1:] != active[:-1])
        starts, ends = edges[::2], edges[1::2]
        if not len(starts):
            return []
        apart = starts[1:] - ends[:-1] > self._pause
        return list(zip(starts[np.append(True, apart)].tolist(), ends[np.append(apart, True)].tolist(), strict=True))

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """A complete stretch in pieces of at most `max_s`; True where a piece was cut off."""
        while (length := end - start) > self._longest:
            low, high = self._longest // 2, self._longest
            if length <= 2 * self._longest:  # two pieces are enough, neither of them short
                low, high = max(length // 4, length - self._longest), min(length - length // 4, self._longest)
            at = self._quietest(start + low, start + max(high, low + 1))
            yield start, at, True
            start = at
        yield start, end, False

    def _quietest(self, low: int, high: int) -> int:
        """The frame from `low` to `high` whose surrounding 50 ms are the quietest."""
        return low + int(np.argmin(uniform_filter1d(self._held.level_dbfs[low:high], SMOOTHING, mode="nearest")))

    def _active(self, held: Evidence) -> npt.NDArray[np.bool_]:
        """Which frames are speech, shape (n,)."""
        near_peak = (held.below_peak_db < self._below) & (held.level_dbfs > NOISE_FLOOR_DBFS)
        active: npt.NDArray[np.bool_] = near_peak & (held.above_noise_db > self._above)
        return active

    def _is_speech(self, start: int, end: int) -> bool:
        held = self._held.part(start, end)
        active = self._active(held)
        count = int(active.sum())
        if count < BLIP_FRAMES or float(held.above_noise_db[active].max()) < PEAK_ABOVE_NOISE_DB:
            return False
        return count < STEADY_FRAMES or _spread(held.bands_db[active]) > STEADY_DB

    def _stretch(self, start: int, end: int, cut_off: bool) -> Stretch:
        """The stretch with its margin, except where it meets the stretch before or was cut off."""
        first = max(self._start + start - self._margin, self._end, 0)
        self._end = self._start + end + (0 if cut_off else self._margin)
        return Stretch(first * self._hop, min(self._end * self._hop, self._samples))


def _spread(bands_db: Array) -> float:
    """Distance of the quartiles of each band's share of a frame, averaged over the bands of `bands_db` (n, bands)."""
    balance = bands_db - bands_db.mean(axis=1, keepdims=True)
    lower, upper = quantiles(np.ascontiguousarray(balance.T), (0.25, 0.75))
    return float((upper - lower).mean())
