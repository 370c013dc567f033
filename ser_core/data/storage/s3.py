"""Storage in a prefix of an S3 bucket, or of anything that speaks its protocol."""

from __future__ import annotations

import datetime as dt
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from ser_core.config.settings import S3Settings
from ser_core.data.storage.base import ObjectInfo, Storage, check_key
from ser_core.data.storage.s3_body import download, download_end, download_range
from ser_core.data.storage.s3_client import client_of as _client_of
from ser_core.data.storage.s3_errors import endpoint_of, status_of, translated
from ser_core.data.storage.s3_ranges import RangedObject
from ser_core.data.storage.s3_retry import repeated
from ser_core.data.storage.s3_upload import SMALL_BYTES, abort_uploads, md5_of, upload_in_parts
from ser_core.errors import StorageError

_log = logging.getLogger(__name__)
_CONFLICT, _PRECONDITION_FAILED, _NOT_IMPLEMENTED = 409, 412, 501


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
        """Raise StorageError unless the bucket may be listed; the prefix may be empty."""
        with translated(self.uri, self._settings):
            self._repeated("list_objects_v2", {"Bucket": self._bucket, "Prefix": self._base, "MaxKeys": 1})

    def list(self, prefix: str = "", recursive: bool = True) -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix`, a page of 1,000 at a time."""
        for page in self._pages(prefix, "" if recursive else "/"):
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self._base)
                if not _is_folder_mark(key, entry["Size"]):
                    yield _info(key, entry["Size"], entry)

    def children(self, prefix: str = "") -> Sequence[str]:
        """Common prefixes up to the next `/`."""
        prefixes = (entry["Prefix"] for page in self._pages(prefix, "/") for entry in page.get("CommonPrefixes", ()))
        return sorted(prefix.removeprefix(self._base) for prefix in prefixes)

    def info(self, key: str) -> ObjectInfo:
        """Size, time and etag by one HEAD."""
        head = self.call("head_object", key)
        return _info(key, head["ContentLength"], head)

    def read(self, key: str) -> bytes:
        """The whole object, its length checked."""
        with self.open(key, 0) as file:
            return file.read()

    def fetch(self, key: str, memory_bytes: int) -> tuple[ObjectInfo, BinaryIO]:
        """A copy by one GET, in memory or, above `memory_bytes`, in a temporary file; length and MD5 are checked."""
        # max_size 0 would mean "never to disk"
        spool = tempfile.SpooledTemporaryFile(max_size=max(memory_bytes, 1))  # noqa: SIM115 - the caller closes it
        try:
            with translated(self.uri_of(key), self._settings, of_object=True):
                head = download(self._client, self._named(key), cast(BinaryIO, spool), self._settings)
        except BaseException:
            spool.close()
            raise
        return _info(key, head["ContentLength"], head), cast(BinaryIO, spool)

    def open_ranges(self, key: str) -> BinaryIO:
        """The version that the first GET shows, which fetches the last 64 kB; one GET for a further range."""

        def fetch(first: int, last: int) -> bytes:
            with translated(self.uri_of(key), self._settings, of_object=True):
                return download_range(self._client, named, end.etag, first, last, self._settings)

        with translated(self.uri_of(key), self._settings, of_object=True):
            named = self._named(key)
            end = download_end(self._client, named, self._settings)
        return cast(BinaryIO, RangedObject(fetch, end.size_bytes, end.data))

    def put(self, key: str, data: bytes | Path | BinaryIO) -> None:
        """One PUT; a file above 64 MB is uploaded in parts, and is visible when all are complete."""
        if isinstance(data, bytes):
            self.call("put_object", key, Body=data, ContentMD5=md5_of(data))
        elif isinstance(data, Path):
            with data.open("rb") as file:
                self._put_file(key, file)
        else:
            self._put_file(key, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """A PUT with `If-None-Match: *`, which the endpoint must honour (RFC 9110, section 13.1.2)."""
        named = {**self._named(key), "Body": data, "ContentMD5": md5_of(data), "IfNoneMatch": "*"}
        with translated(self.uri_of(key), self._settings, of_object=True):
            for _ in range(self._settings.max_attempts):
                try:
                    self._repeated("put_object", named)
                except ClientError as error:
                    if status_of(error) == _PRECONDITION_FAILED:
                        return False
                    if status_of(error) == _NOT_IMPLEMENTED:
                        raise StorageError(
                            f"{endpoint_of(self._settings)} knows no conditional writes (If-None-Match), and without "
                            "them two runs could write at once: use another S3 service"
                        ) from error
                    if status_of(error) != _CONFLICT:
                        raise
                else:
                    return True
        raise StorageError(
            f"{self.uri_of(key)} cannot be written: other writers came first {self._settings.max_attempts} times; retry"
        )

    def delete(self, key: str) -> None:
        """Remove the object."""
        self.call("delete_object", key)

    def sweep(self, before: dt.datetime) -> int:
        """Abort uploads in parts of this root that were begun before `before`.

        Where the endpoint or the credentials do not allow it, a warning says so.
        """
        try:
            return abort_uploads(self, before)
        except StorageError as error:
            _log.warning(
                "Unfinished uploads below %s could not be removed (%s): grant s3:AbortMultipartUpload, or let a "
                "lifecycle rule of the bucket abort them",
                self.uri,
                error,
            )
            return 0

    def local_path(self, key: str) -> None:
        """None: an object has no path."""
        check_key(key, self.uri)

    def call(self, operation: str, key: str, **arguments: Any) -> Any:
        """The answer to one request about an object, which botocore names `operation`; it is repeated as needed."""
        with translated(self.uri_of(key), self._settings, of_object=True):
            return self._repeated(operation, {**self._named(key), **arguments})

    @property
    def _client(self) -> Any:
        return _client_of(self._settings, os.getpid())

    def _named(self, key: str) -> dict[str, str]:
        check_key(key, self.uri)
        return {"Bucket": self._bucket, "Key": self._base + key}

    def _pages(self, prefix: str, delimiter: str) -> Iterator[Mapping[str, Any]]:
        named: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._base + prefix, "Delimiter": delimiter}
        with translated(self.uri_of(prefix) if prefix else self.uri, self._settings):
            while True:  # boto3's paginator cannot repeat a page
                page = self._repeated("list_objects_v2", named)
                yield page
                if not page.get("IsTruncated"):
                    return
                named["ContinuationToken"] = page["NextContinuationToken"]

    def _put_file(self, key: str, file: BinaryIO) -> None:
        if file.seek(0, os.SEEK_END) > SMALL_BYTES:
            upload_in_parts(self, key, file)
            return
        digest = md5_of(file)

        def attempt() -> None:
            file.seek(0)
            self._client.put_object(**self._named(key), Body=file, ContentMD5=digest)

        with translated(self.uri_of(key), self._settings, of_object=True):
            repeated(attempt, self._settings)

    def _repeated(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        return repeated(lambda: getattr(self._client, operation)(**arguments), self._settings)


def _info(key: str, size_bytes: int, entry: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(key, size_bytes, entry["LastModified"].astimezone(dt.UTC), entry["ETag"].strip('"'))


def _is_folder_mark(key: str, size_bytes: int) -> bool:
    return size_bytes == 0 and (not key or key.endswith("/"))
