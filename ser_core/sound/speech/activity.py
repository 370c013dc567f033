"""Stretches of speech in a channel that streams by.

A frame is speech where it stands out of the noise of its surroundings and is not far below the loudest sound near it.
The first finds a quiet voice on a quiet line and a loud one on a noisy line; the second leaves out breath and echo.
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
from ser_core.sound.speech.bands import FRAMES_A_SECOND, BandPower, hop_length
from ser_core.sound.speech.evidence import SILENCE_DBFS, SMOOTHING, Evidence, NoiseTracker, nothing
from ser_core.sound.speech.quantile import quantile

Array = npt.NDArray[np.float32]

REVISION = 1
"""Raised with every change to this package that moves a boundary."""

BLIP_FRAMES = 10
"""Of speech a stretch has, at least: a click covers up to eight frames, as they overlap."""
PEAK_ABOVE_NOISE_DB = 3.0
"""What never stands out further is a swell of the noise."""
STEADY_DB = 1.5
STEADY_FRAMES = 20
"""A stretch whose bands keep their balance is a tone, a hum or a new noise, not speech. Looked at from 0.2 s on, by the
spread between the quartiles, which steady noise keeps below and a voice, at 20 dB of noise, above."""


class Stretch(NamedTuple):
    """Samples from the start of the channel: the first, and the one behind the last."""

    start: int
    end: int


class SpeechActivity:
    """Speech of one channel at `sr`: stretches between pauses of more than `pause_s`, cut at their weakest moment where
    they are longer than `max_s`. A stretch comes at most 10 s plus `max_s` after its end.
    """

    def __init__(self, settings: SegmentSettings, sr: int) -> None:
        self._above, self._below = settings.above_noise_db, settings.below_peak_db
        self._pause = round(settings.pause_s * FRAMES_A_SECOND)
        self._longest = max(2, round(settings.max_s * FRAMES_A_SECOND))
        self._margin = min(round(settings.margin_s * FRAMES_A_SECOND), self._pause // 2)
        self._bands, self._tracker, self._hop = BandPower(sr), NoiseTracker(), hop_length(sr)
        self._held = nothing()
        self._start = 0  # frame at which `_held` begins
        self._end = 0  # frame behind the last stretch
        self._samples = 0

    @property
    def settled(self) -> int:
        """No later stretch begins before this sample."""
        return max(0, self._start - self._margin) * self._hop

    def push(self, y: Array) -> list[Stretch]:
        """Stretches that are over with this block of shape (n,)."""
        self._samples += len(y)
        return self._take(self._tracker.push(self._bands.push(y)), last=False)

    def finish(self) -> list[Stretch]:
        """Stretches that end with the channel."""
        rest = self._tracker.push(self._bands.finish()).then(self._tracker.finish())
        return self._take(rest, last=True)

    def _take(self, evidence: Evidence, last: bool) -> list[Stretch]:
        self._held = self._held.then(evidence)
        frames = keep_from = len(self._held.level_dbfs)
        found: list[tuple[int, int, bool]] = []
        for start, end in self._spans():
            if last or end + self._pause < frames:
                found += self._pieces(start, end)
                continue
            keep_from = start
            while end - keep_from > 2 * self._longest:
                at = self._weakest(keep_from + self._longest // 2, keep_from + self._longest)
                found.append((keep_from, at, True))
                keep_from = at
        stretches = [self._stretch(*piece) for piece in found if self._is_speech(*piece[:2])]
        self._held, self._start = self._held.part(keep_from), self._start + keep_from
        return stretches

    def _spans(self) -> list[tuple[int, int]]:
        """First frame, and the one behind the last, of the speech in what is held, joined over pauses."""
        held = self._held
        active = np.zeros(len(held.level_dbfs) + 2, np.bool_)  # with what is before and behind
        active[1:-1] = (held.above_noise_db > self._above) & (held.below_peak_db < self._below)
        active[1:-1] &= held.level_dbfs > SILENCE_DBFS
        edges = np.flatnonzero(active[1:] != active[:-1])
        starts, ends = edges[::2], edges[1::2]
        if not len(starts):
            return []
        apart = starts[1:] - ends[:-1] > self._pause
        return list(zip(starts[np.append(True, apart)].tolist(), ends[np.append(apart, True)].tolist(), strict=True))

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """A stretch that is over, in pieces of at most `max_s`."""
        while (length := end - start) > self._longest:
            low, high = self._longest // 2, self._longest
            if length <= 2 * self._longest:  # two pieces will do, neither of them short
                low, high = max(length // 4, length - self._longest), min(length - length // 4, self._longest)
            at = self._weakest(start + low, start + max(high, low + 1))
            yield start, at, True
            start = at
        yield start, end, False

    def _weakest(self, low: int, high: int) -> int:
        """The frame from `low` to `high` around which 50 ms are the quietest."""
        return low + int(np.argmin(uniform_filter1d(self._held.level_dbfs[low:high], SMOOTHING, mode="nearest")))

    def _active(self, held: Evidence) -> npt.NDArray[np.bool_]:
        stands_out = (held.above_noise_db > self._above) & (held.below_peak_db < self._below)
        active: npt.NDArray[np.bool_] = stands_out & (held.level_dbfs > SILENCE_DBFS)
        return active

    def _is_speech(self, start: int, end: int) -> bool:
        held = self._held.part(start, end)
        active = self._active(held)
        count = int(active.sum())
        if count < BLIP_FRAMES or float(held.above_noise_db[active].max()) < PEAK_ABOVE_NOISE_DB:
            return False
        return count < STEADY_FRAMES or _spread(held.bands_db[active]) > STEADY_DB

    def _stretch(self, start: int, end: int, goes_on: bool) -> Stretch:
        """With its margin, but not into the stretch before, nor where it was cut."""
        first = max(self._start + start - self._margin, self._end, 0)
        self._end = self._start + end + (0 if goes_on else self._margin)
        return Stretch(first * self._hop, min(self._end * self._hop, self._samples))


def _spread(bands_db: Array) -> float:
    """Spread between the quartiles of each band's share of a frame, mean over the bands, of `bands_db` (n, bands)."""
    balance = bands_db - bands_db.mean(axis=1, keepdims=True)
    by_band = np.ascontiguousarray(balance.T)
    return float((quantile(by_band, 0.75) - quantile(by_band, 0.25)).mean())
