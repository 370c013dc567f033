"""An S3 object as a file whose reads are ranged GETs."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

from ser_core.config.base import MB

_BLOCK_BYTES = MB  # small reads that are near each other, such as columns, share a GET


class RangedObject(io.RawIOBase):
    """One version of an object, at its start.

    Args:
        fetch: returns the bytes from a first position to a last one, which is included.
        size_bytes: of the object.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._fetch, self._size, self._position = fetch, size_bytes, 0
        self._first, self._held = 0, b""

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; nothing is fetched."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer, as typeshed has it
        """Fill `buffer` as far as the object goes: from the blocks in memory, else by one GET of whole blocks."""
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        if not self._first <= self._position <= end <= self._first + len(self._held):
            self._first = self._position // _BLOCK_BYTES * _BLOCK_BYTES
            last = min(-(-end // _BLOCK_BYTES) * _BLOCK_BYTES, self._size) - 1
            self._held = self._fetch(self._first, last)
        count = end - self._position
        buffer[:count] = self._held[self._position - self._first :][:count]
        self._position = end
        return count
