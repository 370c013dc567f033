"""The channels of a recording held whole, for the copies that are made of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

LONGEST_COPIED_S = 600.0
"""Seconds of a recording of which copies are made: a longer one is extracted as recorded only. It bounds what a task
holds; a corpus's recordings are utterances."""

_SLACK_S = 1.0


class HeldChannels:
    """Blocks of (n, channels) at `sr`, kept until they are more than copies are made of; then none is."""

    def __init__(self, sr: int) -> None:
        self._most = round((LONGEST_COPIED_S + _SLACK_S) * sr)
        self._blocks: list[Array] = []
        self._length = 0

    def push(self, block: Array) -> None:
        """Takes a block at the analysis rate."""
        self._length += len(block)
        if self._length > self._most:
            self._blocks.clear()
        else:
            self._blocks.append(block.copy())

    def channel(self, channel: int) -> Array:
        """The samples of a channel, (n,); of a recording that is too long, none."""
        if not self._blocks:
            return np.empty(0, dtype=np.float32)
        return np.concatenate([block[:, channel] for block in self._blocks])
