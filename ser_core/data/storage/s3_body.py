"""The body of an S3 object, checked by length and, where there is one, by checksum."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, BinaryIO, NamedTuple

from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError

from ser_core.config.base import MB
from ser_core.config.settings import S3Settings
from ser_core.data.storage.request_count import count_bytes
from ser_core.data.storage.s3_errors import BROKEN_BODY, status_of
from ser_core.data.storage.s3_retry import repeated

_CHUNK_BYTES = MB
_END_BYTES = 64 * 1024  # what Arrow reads of the end of a Parquet file
_MD5 = re.compile(r"[0-9a-f]{32}")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_RANGE_NOT_SATISFIABLE = 416


class End(NamedTuple):
    """The last bytes of an object, the size of the whole, and the ETag of its version."""

    data: bytes
    size_bytes: int
    etag: str


def download(client: Any, named: Mapping[str, str], sink: BinaryIO, settings: S3Settings) -> Mapping[str, Any]:
    """Copies an object into the empty `sink` and returns the head of the answer.

    A body that breaks off, is shorter than announced or has another checksum than its ETag is fetched again. On AWS,
    botocore also checks the checksums that S3 keeps.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the last failure.
    """
    damaged: set[str] = set()

    def attempt() -> Mapping[str, Any]:
        sink.seek(0)
        sink.truncate()
        response = client.get_object(**named)
        _check_digest(client, named, response, _copy(response, sink), damaged)
        sink.seek(0)
        return dict(response)

    return repeated(attempt, settings, BROKEN_BODY)


def download_end(client: Any, named: Mapping[str, str], settings: S3Settings) -> End:
    """The last 64 kB of an object by one GET: all of a small one, whose checksum is then checked as by `download`.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the last failure.
    """
    damaged: set[str] = set()

    def attempt() -> End:
        try:
            response = client.get_object(**named, Range=f"bytes=-{_END_BYTES}")
        except ClientError as error:
            if status_of(error) != _RANGE_NOT_SATISFIABLE:
                raise
            response = client.get_object(**named)  # an empty object has no ranges
        sink = io.BytesIO()
        digest = _copy(response, sink)
        first, size_bytes = _place(response)
        if sink.tell() != size_bytes - first:
            raise IncompleteReadError(actual_bytes=sink.tell(), expected_bytes=size_bytes - first)
        if first == 0:
            _check_digest(client, named, response, digest, damaged)
        return End(sink.getvalue(), size_bytes, str(response.get("ETag", "")).strip('"'))

    return repeated(attempt, settings, BROKEN_BODY)


def download_range(
    client: Any, named: Mapping[str, str], etag: str, first: int, last: int, settings: S3Settings
) -> bytes:
    """The bytes `first` to `last`, included, of the version of an object that has `etag`; their number is checked.

    The endpoint must honour `If-Match` (RFC 9110, section 13.1.1). A range has no checksum.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the last failure; 412 where another version is there.
    """

    def attempt() -> bytes:
        response = client.get_object(**named, Range=f"bytes={first}-{last}", IfMatch=f'"{etag}"')
        with closing(response["Body"]) as body:  # as a context manager, it gives urllib3's body and errors
            data: bytes = body.read()
        count_bytes(len(data))
        if len(data) != last - first + 1:
            raise IncompleteReadError(actual_bytes=len(data), expected_bytes=last - first + 1)
        return data

    return repeated(attempt, settings, BROKEN_BODY)


def _place(response: Mapping[str, Any]) -> tuple[int, int]:
    """Where the last bytes of an object begin, and the size of the whole."""
    stated = _CONTENT_RANGE.fullmatch(str(response.get("ContentRange", "")))
    return (int(stated[1]), int(stated[3])) if stated else (0, int(response["ContentLength"]))


def _copy(response: Mapping[str, Any], sink: BinaryIO) -> str:
    """The MD5 of what was copied, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    with closing(response["Body"]) as body:
        while chunk := body.read(_CHUNK_BYTES):
            digest.update(chunk)
            sink.write(chunk)
            count_bytes(len(chunk))
    if sink.tell() != response["ContentLength"]:
        raise IncompleteReadError(actual_bytes=sink.tell(), expected_bytes=response["ContentLength"])
    return digest.hexdigest()


def _check_digest(
    client: Any, named: Mapping[str, str], response: Mapping[str, Any], digest: str, damaged: set[str]
) -> None:
    """Compares a body's MD5 with the ETag.

    Some endpoints' ETags are no MD5: a body that came twice with the same digest and the object's length is right.
    """
    etag = _md5_of(response)
    if etag is None or digest == etag or (digest in damaged and _is_whole(client, named, response)):
        return
    damaged.add(digest)
    raise FlexibleChecksumError(error_msg=f"the body's MD5 {digest} is not the ETag {etag}")


def _md5_of(response: Mapping[str, Any]) -> str | None:
    """The ETag as an MD5; None for uploads in parts and for objects encrypted by a key of the customer or of KMS."""
    etag = str(response.get("ETag", "")).strip('"')
    encrypted = response.get("SSECustomerAlgorithm") or response.get("ServerSideEncryption", "AES256") != "AES256"
    return etag if _MD5.fullmatch(etag) and not encrypted else None


def _is_whole(client: Any, named: Mapping[str, str], response: Mapping[str, Any]) -> bool:
    return bool(client.head_object(**named)["ContentLength"] == response["ContentLength"])
