"""Storages and keys by uri."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ser_core.config.settings import StorageSettings
from ser_core.data.storage.base import Storage
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.s3 import S3Storage
from ser_core.errors import SettingsError, StorageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def has_scheme(uri: str) -> bool:
    """Whether `uri` begins like `s3://`."""
    return _SCHEME.match(uri) is not None


def open_storage(uri: str, settings: StorageSettings) -> Storage:
    """The storage at `s3://bucket/prefix`, `file:///folder` or a folder's path. Nothing is contacted yet.

    S3 keys are taken literally; in a `file` uri, percent escapes are decoded (RFC 8089).

    Raises:
        SettingsError: another scheme, or no bucket.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return FolderStorage(_path(uri, uri))
    if scheme[1] == "s3":
        bucket, _, prefix = uri[scheme.end() :].partition("/")
        if not bucket:
            raise SettingsError([f"{uri!r} names no bucket: expected s3://bucket/prefix"])
        return S3Storage(bucket, prefix, settings.s3)
    if scheme[1] == "file":
        parts = urlsplit(uri)
        if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
            raise SettingsError([f"{uri!r} is no local file: expected file:///folder, '#' and '?' written as %23, %3F"])
        return FolderStorage(_path(url2pathname(parts.path), uri))
    raise SettingsError([f"{uri!r} has the scheme {scheme[1]}: expected s3://bucket/prefix, file:///folder or a path"])


def check_place(setting: str, storage: Storage, *, may_be_new: bool = False) -> None:
    """Checks before work that a root can be used.

    Args:
        setting: that names the root, such as `tables.uri`.
        storage: the root.
        may_be_new: whether a folder may be missing, since the first write makes it.

    Raises:
        SettingsError: there is no such folder or bucket, or it may not be listed.
    """
    if may_be_new and isinstance(storage, FolderStorage) and not Path(storage.uri).exists():
        return
    try:
        storage.check()
    except StorageError as error:
        raise SettingsError([f"{setting}: {error}"]) from error


def locate(uri: str, settings: StorageSettings) -> tuple[Storage, str]:
    """The storage and key of one object: the whole bucket and its key, or the file's folder and its name.

    Raises:
        SettingsError: `uri` names no object, or cannot be opened.
    """
    folder, _, name = uri.rpartition("/")
    if not name or name in {".", ".."} or re.fullmatch(r"[A-Za-z0-9+.-]+:/", folder):
        raise SettingsError([f"{uri!r} names no object: expected s3://bucket/key or the path of a file"])
    if uri.startswith("s3://"):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return open_storage(f"s3://{bucket}", settings), key
    if has_scheme(uri):
        return open_storage(folder, settings), url2pathname(name)
    return open_storage(folder or ("/" if uri.startswith("/") else "."), settings), name


def _path(path: str, uri: str) -> Path:
    if not path or "\0" in path:
        raise SettingsError([f"{uri!r} names no folder: expected s3://bucket/prefix, file:///folder or a path"])
    return Path(path)
