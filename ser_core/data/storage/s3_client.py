"""Clients of S3, and a count of the requests that were repeated."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import boto3.session
from botocore.config import Config
from botocore.parsers import ResponseParserError

from ser_core.config.settings import S3Settings
from ser_core.data.storage.s3_errors import translated
from ser_core.errors import SettingsError

T = TypeVar("T")
_LONGEST_WAIT_S = 20.0


class _Count:
    """A counter for several threads."""

    def __init__(self) -> None:
        self._lock, self._value = threading.Lock(), 0

    def add(self) -> None:
        with self._lock:
            self._value += 1

    def value(self) -> int:
        return self._value


_retries = _Count()


def retries() -> int:
    """Number of requests that this process has repeated, whatever the fault."""
    return _retries.value()


def _pause(attempt: int) -> None:
    """Counts a repeated request, and waits after its `attempt`-th failure as botocore does.

    The wait is random, up to 1, 2, 4, … 20 s: requests that failed together must not come back together.
    """
    _retries.add()
    time.sleep(min(2.0 ** (attempt - 1), _LONGEST_WAIT_S) * secrets.randbelow(1000) / 1000)


def repeated(call: Callable[[], T], attempts: int, faults: tuple[type[Exception], ...] = (ResponseParserError,)) -> T:
    """The result of `call`, tried up to `attempts` times while it raises one of `faults`.

    The default fault is an answer that is cut and so no XML: botocore does not repeat its request.
    """
    for attempt in range(1, attempts):
        try:
            return call()
        except faults:
            _pause(attempt)
    return call()


@lru_cache(maxsize=8)
def client_of(settings: S3Settings, process_id: int) -> Any:
    """The client of a process, kept for all its storages and tasks. A fork must not share sockets.

    Raises:
        SettingsError: the endpoint is no URL.
    """
    config: dict[str, Any] = {
        "retries": {"mode": settings.retry_mode, "total_max_attempts": settings.max_attempts},
        "connect_timeout": settings.connect_timeout_s,
        "read_timeout": settings.read_timeout_s,
    }
    if settings.endpoint_url is not None:
        # Other endpoints than AWS may not resolve bucket names as hosts, nor support checksums in trailers.
        config |= {"s3": {"addressing_style": "path"}, "signature_version": "s3v4"}
        config |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    with translated("S3", settings):
        try:
            client = boto3.session.Session().client(
                "s3", endpoint_url=settings.endpoint_url, region_name=settings.region, config=Config(**config)
            )
        except ValueError:  # botocore's error for an endpoint that is no URL; its text may hold a password
            raise SettingsError(
                ["storage.s3.endpoint_url is no URL: expected https://host or http://host:port"]
            ) from None
    client.meta.events.register("request-created.s3", _note_repeated)
    return client


def _note_repeated(request: Any, **_: Any) -> None:
    if request.context.get("retries", {}).get("attempt", 1) > 1:
        _retries.add()
