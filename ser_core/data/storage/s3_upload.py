"""Uploads of large files in parts. S3 keeps, and charges for, the parts of a killed writer until somebody aborts them.

The id of each upload is noted below the storage's root while it runs. So `abort_uploads` aborts no upload of another
program, even where the root is a whole bucket that they share.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Protocol, cast

from ser_core.config.base import MB
from ser_core.data.storage.base import ObjectInfo
from ser_core.errors import ObjectMissingError, StorageError

_UPLOADS = "_state/uploads/"
SMALL_BYTES = 64 * MB
"""Up to this size a file goes by one PUT."""
_PART_BYTES = 32 * MB  # held in memory; 10,000 parts at most
_TRIES = 3


class Bucket(Protocol):
    """What an upload needs of an S3 storage."""

    def call(self, operation: str, key: str, **arguments: Any) -> Any:
        """One request about the object `key`."""

    def list(self, prefix: str = "", recursive: bool = True) -> Iterator[ObjectInfo]:
        """Objects below the root."""

    def read(self, key: str) -> bytes:
        """The whole object."""

    def put(self, key: str, data: bytes) -> None:
        """Write or replace an object."""

    def delete(self, key: str) -> None:
        """Remove an object."""


def md5_of(data: bytes | BinaryIO) -> str:
    """The MD5 of bytes, or of a file from its start, as the header Content-MD5 has it (RFC 1864)."""
    if isinstance(data, bytes):
        digest = hashlib.md5(data, usedforsecurity=False)
    else:
        data.seek(0)
        digest = hashlib.file_digest(cast(Any, data), lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()


def upload_in_parts(bucket: Bucket, key: str, file: BinaryIO) -> None:
    """Writes `key` from an open file, from its start; the object is visible when all parts are complete.

    Raises:
        StorageError: a part could not be written; nothing is left of the others.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            _upload(bucket, key, file)
        except ObjectMissingError:  # no such upload any more: the answer to its completion was lost
            if attempt == _TRIES:
                raise
        else:
            return


def _upload(bucket: Bucket, key: str, file: BinaryIO) -> None:
    upload = bucket.call("create_multipart_upload", key)["UploadId"]
    note = f"{_UPLOADS}{uuid.uuid4().hex}.json"
    try:
        bucket.put(note, json.dumps({"key": key, "upload_id": upload}).encode())
        file.seek(0)
        parts: list[dict[str, Any]] = []
        while data := file.read(_PART_BYTES):
            named = {"UploadId": upload, "PartNumber": len(parts) + 1}
            answer = bucket.call("upload_part", key, **named, Body=data, ContentMD5=md5_of(data))
            parts.append({"ETag": answer["ETag"], "PartNumber": named["PartNumber"]})
        bucket.call("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": parts})
    except BaseException:
        with suppress(StorageError):  # the first error is raised; the next sweep tries again
            _abort(bucket, key, upload)
            bucket.delete(note)
        raise
    bucket.delete(note)


def abort_uploads(bucket: Bucket, before: dt.datetime) -> int:
    """Aborts uploads below the root that were begun before `before`; returns their number.

    Raises:
        StorageError: the storage does not allow it.
    """
    notes = [info.key for info in bucket.list(_UPLOADS) if info.modified_at < before]
    for note in notes:
        with suppress(ObjectMissingError):  # another run was quicker
            kept = json.loads(bucket.read(note))
            _abort(bucket, kept["key"], kept["upload_id"])
            bucket.delete(note)
    return len(notes)


def _abort(bucket: Bucket, key: str, upload: str) -> None:
    with suppress(ObjectMissingError):  # completed or aborted already
        bucket.call("abort_multipart_upload", key, UploadId=upload)
