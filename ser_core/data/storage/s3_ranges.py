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
        end: its last bytes, which are not fetched again.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int, end: bytes = b"") -> None:
        self._fetch, self._size, self._position = fetch, size_bytes, 0
        self._end, self._end_first = end, size_bytes - len(end)
        self._held, self._first = b"", 0

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
        """Fill `buffer` as far as the object goes: from the bytes in memory, else by one GET of whole blocks."""
        start, end = self._position, min(self._position + len(buffer), self._size)
        if end <= start:
            return 0
        data = self._part(start, min(end, self._end_first)) if start < self._end_first else b""
        if end > self._end_first:
            data += self._end[max(start - self._end_first, 0) : end - self._end_first]
        buffer[: end - start] = data
        self._position = end
        return end - start

    def _part(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`, both before the last bytes."""
        if not self._first <= start <= end <= self._first + len(self._held):
            self._first = start // _BLOCK_BYTES * _BLOCK_BYTES
            self._held = self._fetch(self._first, min(-(-end // _BLOCK_BYTES) * _BLOCK_BYTES, self._end_first) - 1)
        return self._held[start - self._first : end - self._first]
