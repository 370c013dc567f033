"""How much this process has asked of storage: requests by kind, requests that were repeated, and bytes read."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Literal

Kind = Literal["list", "get", "head", "put", "delete"]

_KINDS: tuple[Kind, ...] = ("list", "get", "head", "put", "delete")
_REPEATED, _BYTES = "repeated", "bytes"

_lock = threading.Lock()
_counts: Counter[str] = Counter()


def requests() -> Mapping[str, int]:
    """Number of requests so far by kind: list, get, head, put and delete.

    On S3 these are HTTP requests, repeated requests included: a page of a listing, a range, a part of an upload. In a
    folder they are folders listed, and files opened, looked up, written and deleted.
    """
    with _lock:
        return {kind: _counts[kind] for kind in _KINDS}


def retries() -> int:
    """Number of requests that were repeated so far, whatever the fault."""
    return _counts[_REPEATED]


def bytes_read() -> int:
    """Bytes of objects read so far. A file of a folder counts whole when it is opened whole, else as it is read."""
    return _counts[_BYTES]


def count_request(kind: Kind) -> None:
    """Counts a request."""
    with _lock:
        _counts[kind] += 1


def count_retry() -> None:
    """Counts a repeated request."""
    with _lock:
        _counts[_REPEATED] += 1


def count_bytes(number: int) -> None:
    """Counts bytes that were read."""
    with _lock:
        _counts[_BYTES] += number
