"""The interface of a store of objects: a folder, or a prefix of an S3 bucket."""

from __future__ import annotations

import datetime as dt
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ser_core.errors import ObjectForbiddenError, ObjectMissingError


class ObjectInfo(NamedTuple):
    """One object of a listing.

    `key` is relative to the storage's root, with `/` between its parts; `modified_at` is in UTC, to the microsecond;
    `etag` is S3's, without its quotes, and None in a folder.
    """

    key: str
    size_bytes: int
    modified_at: dt.datetime
    etag: str | None

    @property
    def version(self) -> str:
        """16 hex digits that change with the content: a hash of the etag; in a folder, of size and time."""
        mark = self.etag if self.etag is not None else f"{self.size_bytes}:{self.modified_at.isoformat()}"
        return hashlib.sha256(mark.encode()).hexdigest()[:16]


class Storage(ABC):
    """A root and the objects below it. Picklable: a copy in another process makes its own connections.

    A `prefix` is the beginning of a key, as in S3: it need not end at a `/`. Keys are confined to the root.

    Every method raises StorageError where the root cannot be used. For one object, it raises ObjectMissingError where
    the object does not exist, and ObjectForbiddenError where it may not be read or its key is not within the root.
    """

    @property
    @abstractmethod
    def uri(self) -> str:
        """The root, without a `/` at its end."""

    @abstractmethod
    def check(self) -> None:
        """Raise StorageError unless the root exists and may be listed (a prefix of a bucket may be empty)."""

    @abstractmethod
    def list(self, prefix: str = "", recursive: bool = True) -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix`, in the order of their keys' code points.

        With `recursive` false, only those with no further `/` after `prefix`. Only the empty objects that consoles
        create as folders are hidden.
        """

    @abstractmethod
    def children(self, prefix: str = "") -> Sequence[str]:
        """The distinct beginnings of keys, from `prefix` up to and including the next `/`; sorted."""

    @abstractmethod
    def info(self, key: str) -> ObjectInfo:
        """The entry of `key` in a listing."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """The whole object."""

    @abstractmethod
    def fetch(self, key: str, memory_bytes: int) -> tuple[ObjectInfo, BinaryIO]:
        """The copy that `open` returns, after the entry in a listing of that very copy."""

    @abstractmethod
    def open_ranges(self, key: str) -> BinaryIO:
        """One version of an object to read in parts: seekable, at its start; a `read` fetches what it asks for.

        A read raises StorageError where the object has been replaced since it was opened. A folder gives the file.
        """

    @abstractmethod
    def put(self, key: str, data: bytes | Path | BinaryIO) -> None:
        """Write or replace an object; readers see the old or the new content, never a part.

        `data` may be the path of a local file, or an open temporary file, which is taken from its start.
        """

    @abstractmethod
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless `key` exists; of several writers, exactly one succeeds.

        False where the key exists. On S3 it may exist because the writer's first request succeeded and its answer was
        lost: writers that must know put something of their own into `data` and read it back.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; no error where it does not exist."""

    @abstractmethod
    def sweep(self, before: dt.datetime) -> int:
        """Remove unfinished writes below the root that were begun before `before`, by writers that were killed.

        Returns:
            Number of unfinished files or uploads that were removed.
        """

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """The file's path where the storage is a folder, else None. The file need not exist."""

    def open(self, key: str, memory_bytes: int) -> BinaryIO:
        """A seekable, complete copy to read, at its start: in memory up to `memory_bytes`, else in a temporary file.

        A folder gives the file itself. Closing it frees memory and temporary file.
        """
        return self.fetch(key, memory_bytes)[1]

    def exists(self, key: str) -> bool:
        """Whether there is an object at `key`."""
        try:
            self.info(key)
        except ObjectMissingError:
            return False
        return True

    def read_or_none(self, key: str) -> bytes | None:
        """The whole object, or None where there is none at `key`."""
        try:
            return self.read(key)
        except ObjectMissingError:
            return None

    def uri_of(self, key: str) -> str:
        """The full name of `key`: the root, a `/`, and the key as it is (nothing is escaped)."""
        return f"{self.uri.rstrip('/')}/{key}"

    def key_of(self, uri: str) -> str | None:
        """The key of an object named by its full name; None where it is not below this root."""
        root = self.uri.rstrip("/") + "/"
        return uri.removeprefix(root) if uri.startswith(root) and uri != root else None


def check_key(key: str, uri: str) -> None:
    """Refuse a key that names nothing, or something outside the root.

    Raises:
        ObjectForbiddenError: `key` is empty or absolute, or has a part `.` or `..`, or a NUL.
    """
    if not key or key.startswith("/") or "\0" in key or not {".", ".."}.isdisjoint(key.split("/")):
        raise ObjectForbiddenError(
            f"{key!r} is no key below {uri}: expected a relative path without '.', '..' and NUL; rename the object"
        )
