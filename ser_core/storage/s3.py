"""Storage in a prefix of an S3 bucket, or of anything that speaks its protocol."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import boto3.session
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from ser_core.config.settings import S3Settings
from ser_core.errors import SettingsError, StorageError
from ser_core.storage.base import ObjectInfo, Storage, check_key
from ser_core.storage.s3_errors import status_of, translated

_CONFLICT, _PRECONDITION_FAILED = 409, 412


class S3Storage(Storage):
    """The objects of `bucket` whose keys begin with `prefix` and a `/`."""

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        self._bucket = bucket
        self._base = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._settings = settings

    @property
    def uri(self) -> str:
        """`s3://bucket` or `s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._base}".rstrip("/")

    def check(self) -> None:
        """Raise StorageError unless the bucket may be listed; nothing need be below the prefix."""
        with translated(self.uri, self._settings):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._base, MaxKeys=1)

    def list(self, prefix: str = "", recursive: bool = True) -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix`, a page of 1,000 at a time."""
        for page in self._pages(prefix, "" if recursive else "/"):
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._base)
                if not _is_folder_mark(key, found["Size"]):
                    yield _info(key, found["Size"], found)

    def children(self, prefix: str = "") -> Sequence[str]:
        """Common prefixes up to the next `/`."""
        found = (entry["Prefix"] for page in self._pages(prefix, "/") for entry in page.get("CommonPrefixes", ()))
        return sorted(entry.removeprefix(self._base) for entry in found)

    def info(self, key: str) -> ObjectInfo:
        """Size, time and etag by one HEAD."""
        with translated(self.uri_of(key), self._settings, of_object=True):
            head = self._client.head_object(**self._named(key))
        return _info(key, head["ContentLength"], head)

    def read(self, key: str) -> bytes:
        """The whole object, its length checked."""
        with self.open(key, 0) as file:
            return file.read()

    def open(self, key: str, memory_bytes: int) -> BinaryIO:
        """A copy by one GET, in memory or, above `memory_bytes`, in a temporary file; its length is checked."""
        # max_size 0 would mean "never to disk"
        spool = tempfile.SpooledTemporaryFile(max_size=max(memory_bytes, 1))  # noqa: SIM115 - the caller closes it
        try:
            with translated(self.uri_of(key), self._settings, of_object=True):
                self._download(key, cast(BinaryIO, spool))
        except BaseException:
            spool.close()
            raise
        return cast(BinaryIO, spool)

    def put(self, key: str, data: bytes | Path) -> None:
        """One PUT for bytes; a file goes up in parts where it is large, and is visible when all of them are there."""
        if isinstance(data, Path):
            with data.open("rb") as file, translated(self.uri_of(key), self._settings, of_object=True):
                self._client.upload_fileobj(file, **self._named(key))
        else:
            with translated(self.uri_of(key), self._settings, of_object=True):
                self._client.put_object(**self._named(key), Body=data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """A PUT with `If-None-Match: *`, which the endpoint must honour (RFC 9110, section 13.1.2)."""
        with translated(self.uri_of(key), self._settings, of_object=True):
            for _ in range(self._settings.max_attempts):
                try:
                    self._client.put_object(**self._named(key), Body=data, IfNoneMatch="*")
                except ClientError as error:
                    if status_of(error) == _PRECONDITION_FAILED:
                        return False
                    if status_of(error) != _CONFLICT:
                        raise
                else:
                    return True
        raise StorageError(
            f"{self.uri_of(key)} cannot be written: other writers were at it {self._settings.max_attempts} times; retry"
        )

    def delete(self, key: str) -> None:
        """Remove the object."""
        with translated(self.uri_of(key), self._settings, of_object=True):
            self._client.delete_object(**self._named(key))

    def local_path(self, key: str) -> None:
        """None: an object has no path."""
        check_key(key, self.uri)

    @property
    def _client(self) -> Any:
        return _client_of(self._settings, os.getpid())

    def _named(self, key: str) -> dict[str, str]:
        check_key(key, self.uri)
        return {"Bucket": self._bucket, "Key": self._base + key}

    def _pages(self, prefix: str, delimiter: str) -> Iterator[Mapping[str, Any]]:
        with translated(self.uri_of(prefix) if prefix else self.uri, self._settings):
            pages = self._client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self._bucket, Prefix=self._base + prefix, Delimiter=delimiter)

    def _download(self, key: str, spool: BinaryIO) -> None:
        """Copy the object; a body that breaks off is fetched anew, which botocore does for the headers only."""
        for attempt in range(1, self._settings.max_attempts + 1):
            response = self._client.get_object(**self._named(key))
            try:
                with response["Body"] as body:
                    shutil.copyfileobj(body, spool, 1 << 20)
                if spool.tell() != response["ContentLength"]:
                    raise IncompleteReadError(actual_bytes=spool.tell(), expected_bytes=response["ContentLength"])
            except (HTTPClientError, IncompleteReadError):
                if attempt == self._settings.max_attempts:
                    raise
                spool.seek(0)
                spool.truncate()
            else:
                spool.seek(0)
                return


@lru_cache(maxsize=8)
def _client_of(settings: S3Settings, process_id: int) -> Any:
    """One client a process (a fork must not share sockets), kept for all storages and tasks in it."""
    config: dict[str, Any] = {
        "retries": {"mode": settings.retry_mode, "total_max_attempts": settings.max_attempts},
        "connect_timeout": settings.connect_timeout_s,
        "read_timeout": settings.read_timeout_s,
    }
    if settings.endpoint_url is not None:
        # Endpoints other than AWS need not resolve bucket names as hosts, nor know checksums in trailers.
        config |= {"s3": {"addressing_style": "path"}, "signature_version": "s3v4"}
        config |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    with translated("S3", settings):
        try:
            return boto3.session.Session().client(
                "s3", endpoint_url=settings.endpoint_url, region_name=settings.region, config=Config(**config)
            )
        except ValueError:  # botocore's word for an endpoint that is no URL; its text would repeat a password in it
            raise SettingsError(
                ["storage.s3.endpoint_url is no URL: expected https://host or http://host:port"]
            ) from None


def _info(key: str, size_bytes: int, found: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(key, size_bytes, found["LastModified"].astimezone(dt.UTC), found["ETag"].strip('"'))


def _is_folder_mark(key: str, size_bytes: int) -> bool:
    return size_bytes == 0 and (not key or key.endswith("/"))
