"""The body of an S3 object, checked by length and, where there is one, by checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError

from ser_core.config.settings import S3Settings
from ser_core.data.storage.s3_client import pause

_CHUNK_BYTES = 1 << 20
_MD5 = re.compile(r"[0-9a-f]{32}")
_BROKEN = (HTTPClientError, IncompleteReadError, FlexibleChecksumError)


def download(client: Any, named: Mapping[str, str], sink: BinaryIO, settings: S3Settings) -> Mapping[str, Any]:
    """Copies an object into the empty `sink` and returns the head of the answer.

    A body that breaks off, is shorter than announced or has another checksum than its ETag is fetched anew, which
    botocore does for heads only. On AWS, botocore itself checks the checksums that S3 keeps.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the last of `max_attempts` failures.
    """
    seen: str | None = None
    for attempt in range(1, settings.max_attempts + 1):
        try:
            response = client.get_object(**named)
            digest = _copy(response, sink)
            etag = _md5_of(response)
            if etag is None or digest == etag or (digest == seen and _is_whole(client, named, response)):
                sink.seek(0)
                return dict(response)
            seen = digest
            raise FlexibleChecksumError(error_msg=f"the body's MD5 {digest} is not the ETag {etag}")
        except _BROKEN:
            if attempt == settings.max_attempts:
                raise
            sink.seek(0)
            sink.truncate()
            pause(attempt)
    raise AssertionError("settings allow no attempt")


def _copy(response: Mapping[str, Any], sink: BinaryIO) -> str:
    """The MD5 of what was copied, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    with response["Body"] as body:
        while chunk := body.read(_CHUNK_BYTES):
            digest.update(chunk)
            sink.write(chunk)
    if sink.tell() != response["ContentLength"]:
        raise IncompleteReadError(actual_bytes=sink.tell(), expected_bytes=response["ContentLength"])
    return digest.hexdigest()


def _md5_of(response: Mapping[str, Any]) -> str | None:
    """The MD5 that the ETag is; None where it is none: of parts, or encrypted by a key of the customer or of KMS."""
    etag = str(response.get("ETag", "")).strip('"')
    encrypted = response.get("SSECustomerAlgorithm") or response.get("ServerSideEncryption", "AES256") != "AES256"
    return etag if _MD5.fullmatch(etag) and not encrypted else None


def _is_whole(client: Any, named: Mapping[str, str], response: Mapping[str, Any]) -> bool:
    """Whether a body that came twice alike has its length: then it is right, and the ETag is no MD5, as on some
    endpoints."""
    return bool(client.head_object(**named)["ContentLength"] == response["ContentLength"])
