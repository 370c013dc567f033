"""Storage in a folder of a local or mounted file system."""

from __future__ import annotations

import datetime as dt
import io
import logging
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ser_core.data.storage.base import ObjectInfo, Storage, check_key
from ser_core.data.storage.folder_files import CountedFile, flush_folder, of_folder, opened
from ser_core.data.storage.request_count import count_bytes, count_request
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, StorageError

_log = logging.getLogger(__name__)
_STATE, _UNFINISHED = "_state/", "unfinished"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class FolderStorage(Storage):
    """The files below `root`; symbolic links are followed to files within the root only.

    A root that does not exist counts as empty, and the first `put` makes it; `check` raises.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = os.path.realpath(root)

    @property
    def uri(self) -> str:
        """The absolute path of the root, its links resolved."""
        return self._root

    def check(self) -> None:
        """Raise StorageError unless the root is a folder that may be listed."""
        if not Path(self._root).is_dir():
            raise StorageError(f"{self._root} is no folder: check the path, and that its file system is mounted")
        count_request("list")
        with of_folder(self._root):
            os.scandir(self._root).close()

    def list(self, prefix: str = "", recursive: bool = True) -> Iterator[ObjectInfo]:
        """Files whose key begins with `prefix`, in S3's order; one folder a level is held in memory."""
        folder, stem = self._split(prefix)
        return self._walk(folder, stem, recursive)

    def children(self, prefix: str = "") -> Sequence[str]:
        """Folders whose key begins with `prefix`, at the level of its end."""
        folder, stem = self._split(prefix)
        return [name for name, _ in self._entries(folder, stem) if name.endswith("/")]

    def info(self, key: str) -> ObjectInfo:
        """Size and time of a file."""
        count_request("head")
        with of_folder(self.uri_of(key)):
            status = self._path(key).stat()
        if not stat.S_ISREG(status.st_mode):
            raise ObjectMissingError(f"{self.uri_of(key)} is no file")
        return _info(key, status)

    def read(self, key: str) -> bytes:
        """The whole file."""
        with self.open(key, 0) as file, of_folder(self.uri_of(key)):
            return file.read()

    def fetch(self, key: str, memory_bytes: int) -> tuple[ObjectInfo, BinaryIO]:
        """The file itself; size and time are those of the open file."""
        count_request("get")
        with of_folder(self.uri_of(key)):
            file = self._path(key).open("rb")
            info = _info(key, os.fstat(file.fileno()))
        count_bytes(info.size_bytes)
        return info, file

    def open_ranges(self, key: str) -> BinaryIO:
        """The file itself."""
        count_request("get")
        with of_folder(self.uri_of(key)):
            return io.BufferedReader(CountedFile(self._path(key)))

    def put(self, key: str, data: bytes | Path | BinaryIO) -> None:
        """Write a file below `_state/unfinished/`, flush it to disk, rename it."""
        count_request("put")
        path = self._path(key)
        with opened(data) as source, of_folder(self.uri_of(key)), self._unfinished(source) as unfinished:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.replace(path)
            flush_folder(path.parent)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write a file below `_state/unfinished/`, then link it to its name, which fails where that is taken."""
        count_request("put")
        path = self._path(key)
        with of_folder(self.uri_of(key)), self._unfinished(io.BytesIO(data)) as unfinished:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.hardlink_to(unfinished)
            except FileExistsError:
                return False
            flush_folder(path.parent)
        return True

    def delete(self, key: str) -> None:
        """Remove the file; its folder stays."""
        count_request("delete")
        with suppress(ObjectMissingError), of_folder(self.uri_of(key)):
            self._path(key).unlink()

    def sweep(self, before: dt.datetime) -> int:
        """Remove unfinished files that have not been written to since `before`. Only their folder is listed."""
        unfinished = self._walk(f"{_STATE}{_UNFINISHED}/", "", recursive=False)
        keys = [info.key for info in unfinished if info.modified_at < before]
        for key in keys:
            self.delete(key)
        return len(keys)

    def local_path(self, key: str) -> Path:
        """The file's path, confined to the root."""
        return self._path(key)

    @contextmanager
    def _unfinished(self, source: BinaryIO) -> Iterator[Path]:
        """A complete, flushed file on the file system of the root, removed at the end unless it was renamed."""
        path = Path(self._root, _STATE, _UNFINISHED, uuid.uuid4().hex)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(source, file)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _split(self, prefix: str) -> tuple[str, str]:
        folder, slash, stem = prefix.rpartition("/")
        if slash:
            self._path(folder)
        return folder + slash, stem

    def _path(self, key: str) -> Path:
        """The path of `key`. A second spelling of a file (`a//b`) is refused: it would be a second recording."""
        check_key(key, self._root)
        path = os.path.join(self._root, _name_of(key))  # noqa: PTH118 - a Path would normalise what is refused below
        if "" in key.split("/") or not self._holds(path):
            raise ObjectForbiddenError(
                f"{key!r} is no key below {self._root}: expected single '/', and links that stay within that folder"
            )
        return Path(path)

    def _holds(self, path: str) -> bool:
        return os.path.realpath(path).startswith(self._root.rstrip("/") + "/")

    def _walk(self, folder: str, stem: str, recursive: bool) -> Iterator[ObjectInfo]:
        for name, entry in self._entries(folder, stem):
            if name.endswith("/"):
                if recursive:
                    yield from self._walk(name, "", recursive)
                continue
            try:
                with of_folder(entry.path):
                    status = entry.stat()
            except ObjectMissingError:  # removed since the folder was listed
                continue
            yield _info(name, status)

    def _entries(self, folder: str, stem: str) -> Sequence[tuple[str, os.DirEntry[str]]]:
        """Keys (folders end in `/`) and entries of one folder; with the `/`, their order is the order of all keys."""
        listed: list[tuple[str, os.DirEntry[str]]] = []
        path = os.path.join(self._root, _name_of(folder))  # noqa: PTH118 - os.scandir wants the text
        count_request("list")
        with suppress(ObjectMissingError), of_folder(path), os.scandir(path) as entries:
            for entry in entries:
                name = _key_of(entry.name)
                if name.startswith(stem) and self._is_listed(entry):
                    listed.append((f"{folder}{name}/" if entry.is_dir(follow_symlinks=False) else folder + name, entry))
        return sorted(listed, key=lambda item: item[0])

    def _is_of_writers(self, entry: os.DirEntry[str]) -> bool:
        """Whether a folder has nothing but unfinished files, which are no objects yet."""
        state = os.path.join(self._root, _STATE.rstrip("/"))  # noqa: PTH118
        if entry.path == state:
            return os.listdir(state) == [_UNFINISHED]  # noqa: PTH208
        return entry.name == _UNFINISHED and os.path.dirname(entry.path) == state  # noqa: PTH120

    def _is_listed(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return entry.is_file() or (entry.is_dir() and not self._is_of_writers(entry))
        if self._holds(entry.path) and entry.is_file():
            return True
        _log.warning("a link below %s leads to a folder or out of it: not followed", self._root)
        _log.debug("the link is %s", entry.path)
        return False


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    modified_at = _EPOCH + dt.timedelta(microseconds=status.st_mtime_ns // 1000)
    return ObjectInfo(key, status.st_size, modified_at, None)


def _key_of(name: str) -> str:
    r"""A file name as text that any table can hold: bytes that are not UTF-8 are written as `\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _name_of(key: str) -> str:
    return os.fsdecode(re.sub(rb"\\x([89a-f][0-9a-f])", lambda byte: bytes.fromhex(byte[1].decode()), key.encode()))
