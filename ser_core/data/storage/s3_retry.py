"""Repeats requests to S3: a few times after damaged answers, and for a while where the endpoint does not answer."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError, ConnectionError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import NameResolutionError

from ser_core.config.settings import S3Settings
from ser_core.data.storage.request_count import count_retry
from ser_core.data.storage.s3_errors import DAMAGED_UPLOAD, code_of, endpoint_of, is_away

T = TypeVar("T")
Faults = tuple[type[Exception], ...]

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 15.0
_SHORT_S = 3.0  # an outage that is shorter is not worth a line in the log


def repeated(call: Callable[[], T], settings: S3Settings, damage: Faults = (ResponseParserError,)) -> T:
    """The result of `call`, repeated while it fails for a reason that may pass.

    It is tried for `outage_s`, with growing pauses, after refused connections, time-outs and 5xx, and `max_attempts`
    times after `damage` and for host names that do not resolve. All other errors are raised at once.

    Args:
        call: makes one request. It may be made again.
        settings: of the endpoint.
        damage: errors of an answer that has arrived cut or changed. The default is an answer that is no XML.
    """
    began, attempt, damaged = time.monotonic(), 0, 0
    while True:
        attempt += 1
        try:
            answer = call()
        except Exception as error:
            if _is_damage(error, damage):
                damaged += 1
                left_s = float("inf") if damaged < settings.max_attempts else 0.0
            elif is_away(error):
                left_s = _outages.left_s(settings, began, error)
            else:
                _outages.end(settings)
                raise
            if left_s <= 0.0:
                raise
            count_retry()
            time.sleep(min(_pause_s(attempt), left_s))
        else:
            _outages.end(settings)
            return answer


def _pause_s(attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure: partly random, so that what failed together comes back apart."""
    longest = min(_FIRST_PAUSE_S * 2.0 ** min(attempt - 1, 10), _LONGEST_PAUSE_S)
    return longest * (0.5 + secrets.randbelow(1000) / 2000)


def _is_damage(error: Exception, damage: Faults) -> bool:
    if isinstance(error, ClientError):
        return code_of(error) in DAMAGED_UPLOAD
    unknown_host = isinstance(error, ConnectionError) and isinstance(error.kwargs.get("error"), NameResolutionError)
    return unknown_host or isinstance(error, damage)


class _Outages:
    """Since when an endpoint has not answered this process: its requests wait together, not one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[S3Settings, tuple[float, float, bool]] = {}  # since, last failure, whether it was logged

    def left_s(self, settings: S3Settings, began: float, error: Exception) -> float:
        """Seconds for which a call that began at `began` and has failed now may still be repeated."""
        now = time.monotonic()
        with self._lock:
            since, last, logged = self._seen.get(settings, (began, now, False))
            if now - last > settings.outage_s:  # of an earlier outage
                since, logged = began, False
            since = min(since, began)
            left = since + settings.outage_s - now
            is_long = now - since >= _SHORT_S
            self._seen[settings] = (since, now, logged or is_long)
        if is_long and not logged:
            _log.warning(
                "S3 (%s) does not answer (%s): waiting for it, up to %.0f s more (storage.s3.outage_s)",
                endpoint_of(settings),
                code_of(error) if isinstance(error, ClientError) else type(error).__name__,
                max(left, 0.0),
            )
        return left

    def end(self, settings: S3Settings) -> None:
        """The endpoint has answered."""
        if settings not in self._seen:
            return
        with self._lock:
            since, _, logged = self._seen.pop(settings, (0.0, 0.0, False))
        if logged:
            _log.warning("S3 (%s) answers again after %.0f s", endpoint_of(settings), time.monotonic() - since)


_outages = _Outages()
