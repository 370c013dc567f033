"""Streaming resampling to the analysis rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

Array = npt.NDArray[np.float32]

RESAMPLER = "soxr-hq"
"""Part of the fingerprint: it changes every feature of recordings that are not at the analysis rate."""


class Resampler:
    """Blocks of shape (n, channels) at `sr` → blocks at `target_sr`; passes them through where the rates agree."""

    def __init__(self, sr: int, target_sr: int, channels: int) -> None:
        self._channels = channels
        self._stream = None if sr == target_sr else soxr.ResampleStream(sr, target_sr, channels, quality="HQ")

    def push(self, block: Array) -> Array:
        """What is ready after `block`: shape (m, channels), m may be 0 while the filter fills."""
        if self._stream is None:
            return block
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(block), last=False), dtype=np.float32)

    def finish(self) -> Array:
        """The remaining samples, after the last block."""
        empty = np.empty((0, self._channels), dtype=np.float32)
        if self._stream is None:
            return empty
        return np.asarray(self._stream.resample_chunk(empty, last=True), dtype=np.float32)
