"""Files of a folder: opened, made to last, counted as they are read, and their errors as messages."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ser_core.data.storage.request_count import count_bytes
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, StorageError


class CountedFile(io.FileIO):
    """A file whose bytes are counted as they are read."""

    def readinto(self, buffer: Any) -> int:
        """Reads into `buffer`; the number of bytes."""
        count = super().readinto(buffer) or 0
        count_bytes(count)
        return count

    def readall(self) -> bytes:
        """All that is left."""
        data = super().readall() or b""
        count_bytes(len(data))
        return data


@contextmanager
def opened(data: bytes | Path | BinaryIO) -> Iterator[BinaryIO]:
    """Bytes, a file's path or an open file, to read from its start."""
    if isinstance(data, bytes | Path):
        with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as source:
            yield source
    else:
        data.seek(0)
        yield data


def flush_folder(folder: Path) -> None:
    """Make a new name survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def of_folder(uri: str) -> Iterator[None]:
    """Turn the errors of the system into ours.

    Raises:
        ObjectMissingError, ObjectForbiddenError, StorageError.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ObjectMissingError(f"{uri} is not there ({error.strerror}): was it moved or deleted?") from error
    except PermissionError as error:
        raise ObjectForbiddenError(f"{uri} may not be used ({error.strerror}): check owner and permissions") from error
    except OSError as error:
        raise StorageError(f"{uri} cannot be used: {error.strerror or error}; check the disk or the mount") from error
