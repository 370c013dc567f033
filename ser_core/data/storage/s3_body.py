"""The body of an S3 object, checked by length and, where there is one, by checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, BinaryIO

from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError

from ser_core.config.base import MB
from ser_core.config.settings import S3Settings
from ser_core.data.storage.s3_client import repeated

_CHUNK_BYTES = MB
_MD5 = re.compile(r"[0-9a-f]{32}")
_BROKEN = (HTTPClientError, IncompleteReadError, FlexibleChecksumError)


def download(client: Any, named: Mapping[str, str], sink: BinaryIO, settings: S3Settings) -> Mapping[str, Any]:
    """Copies an object into the empty `sink` and returns the head of the answer.

    A body that breaks off, is shorter than announced or has another checksum than its ETag is fetched again: botocore
    repeats requests, not bodies. On AWS, botocore also checks the checksums that S3 keeps.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the last of `max_attempts` failures.
    """
    digests: set[str] = set()

    def attempt() -> Mapping[str, Any]:
        sink.seek(0)
        sink.truncate()
        response = client.get_object(**named)
        digest, etag = _copy(response, sink), _md5_of(response)
        if etag is not None and digest != etag and not (digest in digests and _is_whole(client, named, response)):
            digests.add(digest)
            raise FlexibleChecksumError(error_msg=f"the body's MD5 {digest} is not the ETag {etag}")
        sink.seek(0)
        return dict(response)

    return repeated(attempt, settings.max_attempts, _BROKEN)


def download_range(
    client: Any, named: Mapping[str, str], etag: str, first: int, last: int, settings: S3Settings
) -> bytes:
    """The bytes `first` to `last`, included, of the version of an object that has `etag`; their number is checked.

    The endpoint must honour `If-Match` (RFC 9110, section 13.1.1). A range has no checksum.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the last of `max_attempts` failures; 412 where another version
            is there.
    """

    def attempt() -> bytes:
        response = client.get_object(**named, Range=f"bytes={first}-{last}", IfMatch=f'"{etag}"')
        with closing(response["Body"]) as body:  # as a context manager, it gives urllib3's body and errors
            data: bytes = body.read()
        if len(data) != last - first + 1:
            raise IncompleteReadError(actual_bytes=len(data), expected_bytes=last - first + 1)
        return data

    return repeated(attempt, settings.max_attempts, _BROKEN)


def _copy(response: Mapping[str, Any], sink: BinaryIO) -> str:
    """The MD5 of what was copied, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    with closing(response["Body"]) as body:
        while chunk := body.read(_CHUNK_BYTES):
            digest.update(chunk)
            sink.write(chunk)
    if sink.tell() != response["ContentLength"]:
        raise IncompleteReadError(actual_bytes=sink.tell(), expected_bytes=response["ContentLength"])
    return digest.hexdigest()


def _md5_of(response: Mapping[str, Any]) -> str | None:
    """The ETag as an MD5; None for uploads in parts and for objects encrypted by a key of the customer or of KMS."""
    etag = str(response.get("ETag", "")).strip('"')
    encrypted = response.get("SSECustomerAlgorithm") or response.get("ServerSideEncryption", "AES256") != "AES256"
    return etag if _MD5.fullmatch(etag) and not encrypted else None


def _is_whole(client: Any, named: Mapping[str, str], response: Mapping[str, Any]) -> bool:
    """Whether a body has the object's length. If it came twice too, it is right: some endpoints' ETags are no MD5."""
    return bool(client.head_object(**named)["ContentLength"] == response["ContentLength"])
