"""Opens recordings by their uri, with one storage per archive or bucket."""

from __future__ import annotations

from typing import BinaryIO

from ser_core.config import Settings
from ser_core.data.storage import ObjectInfo, Storage, locate, open_storage
from ser_core.errors import ObjectMissingError


class Sources:
    """Opens recordings. Safe to use from several threads.

    Recordings below the archive's root are read through the archive's storage, which is confined to it. A manifest may
    list recordings elsewhere; they are read from there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.storage
        uri = settings.archive.uri
        self._archive = open_storage(uri, settings.storage) if uri else None
        self._others: dict[str, Storage] = {}

    def open(self, uri: str, memory_bytes: int) -> BinaryIO:
        """A seekable copy of the recording, or the file itself.

        Raises:
            ObjectMissingError, ObjectForbiddenError: this recording cannot be read.
            StorageError: storage as a whole cannot be used.
        """
        return self._fetch(uri, memory_bytes)[1]

    def open_version(self, uri: str, version: str, size_bytes: int, memory_bytes: int) -> BinaryIO:
        """As `open`, only if the object is still the version that was listed.

        Features of another version would be stored under the wrong key.

        Raises:
            ObjectMissingError: its version or its size is another.
        """
        info, file = self._fetch(uri, memory_bytes)
        if info.version == version and info.size_bytes == size_bytes:
            return file
        file.close()
        raise ObjectMissingError(
            f"{uri} has been replaced since it was listed (version {version}, {size_bytes} bytes; now "
            f"{info.version}, {info.size_bytes} bytes): the next ingest lists the new version"
        )

    def _fetch(self, uri: str, memory_bytes: int) -> tuple[ObjectInfo, BinaryIO]:
        key = self._archive.key_of(uri) if self._archive else None
        if self._archive and key is not None:
            return self._archive.fetch(key, memory_bytes)
        storage, key = locate(uri, self._settings)
        return self._others.setdefault(storage.uri, storage).fetch(key, memory_bytes)
