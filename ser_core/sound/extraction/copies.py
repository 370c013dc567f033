"""The channels of a recording, held whole to make copies of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

LONGEST_COPIED_S = 600.0
"""The longest recording, in seconds, of which copies are made. A longer one is extracted as recorded only, which bounds
the memory of a task; recordings of a corpus are utterances."""

_SLACK_S = 1.0


class HeldChannels:
    """Blocks of shape (n, channels) at `sr`. All are dropped once the recording is too long for copies."""

    def __init__(self, sr: int) -> None:
        self._max_samples = round((LONGEST_COPIED_S + _SLACK_S) * sr)
        self._blocks: list[Array] = []
        self._length = 0

    def push(self, block: Array) -> None:
        """Takes a block at the analysis rate."""
        self._length += len(block)
        if self._length > self._max_samples:
            self._blocks.clear()
        else:
            self._blocks.append(block.copy())

    def channel(self, channel: int) -> Array:
        """The samples of a channel, shape (n,); (0,) where the recording is too long."""
        if not self._blocks:
            return np.empty(0, dtype=np.float32)
        return np.concatenate([block[:, channel] for block in self._blocks])
