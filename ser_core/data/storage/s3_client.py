"""A client of S3 that says how often it had to ask again."""

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
    """A number that threads may raise."""

    def __init__(self) -> None:
        self._lock, self._value = threading.Lock(), 0

    def add(self) -> None:
        with self._lock:
            self._value += 1

    def value(self) -> int:
        return self._value


_retries = _Count()


def retries() -> int:
    """Requests that this process has repeated since it began, whatever the fault was."""
    return _retries.value()


def _pause(attempt: int) -> None:
    """Notes that a request is repeated after its `attempt`-th failure, and waits as botocore does: up to 1, 2, 4, …
    20 s, at random, so that those who failed together do not come back together."""
    _retries.add()
    time.sleep(min(2.0 ** (attempt - 1), _LONGEST_WAIT_S) * secrets.randbelow(1000) / 1000)


def repeated(call: Callable[[], T], attempts: int, faults: tuple[type[Exception], ...] = (ResponseParserError,)) -> T:
    """The result of `call`, tried up to `attempts` times while it raises one of `faults`.

    By default, an answer that was cut so that it is no XML: botocore does not repeat that.
    """
    for attempt in range(1, attempts):
        try:
            return call()
        except faults:
            _pause(attempt)
    return call()


@lru_cache(maxsize=8)
def client_of(settings: S3Settings, process_id: int) -> Any:
    """One client a process (a fork must not share sockets), kept for all storages and tasks in it.

    Raises:
        SettingsError: the endpoint is no URL.
    """
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
            client = boto3.session.Session().client(
                "s3", endpoint_url=settings.endpoint_url, region_name=settings.region, config=Config(**config)
            )
        except ValueError:  # botocore's word for an endpoint that is no URL; its text would repeat a password in it
            raise SettingsError(
                ["storage.s3.endpoint_url is no URL: expected https://host or http://host:port"]
            ) from None
    client.meta.events.register("request-created.s3", _note_repeated)
    return client


def _note_repeated(request: Any, **_: Any) -> None:
    if request.context.get("retries", {}).get("attempt", 1) > 1:
        _retries.add()
