"""The binary file that libsndfile reads from."""

from __future__ import annotations

import io
from typing import BinaryIO

import soundfile as sf


class Source(io.RawIOBase):
    """A source without its name, from which libsndfile would guess a format, and with `patch` laid over its bytes."""

    def __init__(self, source: BinaryIO, size_bytes: int, patch: tuple[int, bytes] | None) -> None:
        self._source, self._size_bytes, self._patch = source, size_bytes, patch

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._source.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to the position, or to the nearest end of the source."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._source.tell(), io.SEEK_END: self._size_bytes}[whence]
        # a damaged header sends libsndfile anywhere, and an error cannot pass through it
        return self._source.seek(min(max(start + offset, 0), self._size_bytes))

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, with the patch applied."""
        start = self._source.tell()
        data = self._source.read(size)
        if self._patch is None:
            return data
        at, patch = self._patch
        if start + len(data) <= at or start >= at + len(patch):
            return data
        whole = bytearray(data)
        for i, value in enumerate(patch, at - start):
            if 0 <= i < len(whole):
                whole[i] = value
        return bytes(whole)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Reads into `buffer`; returns the number of bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Decoder(sf.SoundFile):  # type: ignore[misc]
    """A sound file read from front to back. soundfile seeks after every read of a seekable file, which in an MP3 is not
    exact and in a FLAC of unknown length fails."""

    def seekable(self) -> bool:
        """Never."""
        return False
