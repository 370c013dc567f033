"""Decibels, and the levels of a recording's channels in one streaming pass: loudness, and whether two are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

FLOOR_DB = -120.0
SAME_CHANNEL_ENERGY = 1e-3
"""Two channels are one mono recording when the energy of their difference is below this share (-30 dB) of their mean
energy. One line recorded twice differs by its noise; two speakers differ by their whole energy."""
SILENT_ENERGY = 2.0**-30
"""Mean square of a silent channel: at most one step of 16-bit PCM, which decoders of MP3 make of digital silence."""


def decibels(power: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Decibels of `power`, of the same shape and precision; never below -120."""
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))))


def dbfs(mean_square: float) -> float:
    """Level in decibels of a mean square, where a square wave of full scale is 0; never below -120."""
    return float(decibels(np.asarray(mean_square)))


def loudness_dbfs(y: Array) -> float:
    """Root mean square of `y`, of any shape, in dBFS; -120 where it is empty."""
    return dbfs(float(np.mean(np.square(y, dtype=np.float64)))) if y.size else FLOOR_DB


class ChannelLevels:
    """Sums over all blocks of a recording of `channels` channels."""

    def __init__(self, channels: int) -> None:
        self.frames = 0
        self._sum = np.zeros(channels)
        self._square = np.zeros(channels)
        self._difference_sum = 0.0
        self._difference_square = 0.0

    def add(self, block: Array) -> None:
        """Adds a block of shape (n, channels)."""
        self.frames += len(block)
        channels = block.T.astype(np.float64, order="C")
        self._sum += channels.sum(axis=1)
        self._square += [y @ y for y in channels]
        if len(channels) == 2:
            difference = channels[0] - channels[1]
            self._difference_sum += float(difference.sum())
            self._difference_square += float(difference @ difference)

    def loudness_dbfs(self, channel: int) -> float:
        """Root mean square of a channel over the whole recording, in dBFS."""
        return dbfs(self._square[channel] / max(self.frames, 1))

    def channels_match(self) -> bool:
        """Whether the recording has two channels, and they are nearly the same.

        Their constant offsets are left out: a bad line card would make two quiet voices alike. Silence is not the same
        as a voice, and two silent channels stay two.
        """
        if self._sum.size != 2 or self.frames == 0:
            return False
        n = self.frames
        energy = float((self._square / n - (self._sum / n) ** 2).mean())
        difference = self._difference_square / n - (self._difference_sum / n) ** 2
        return energy > SILENT_ENERGY and difference < SAME_CHANNEL_ENERGY * energy
