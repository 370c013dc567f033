"""Clients of S3, whose requests are counted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import boto3.session
from botocore.config import Config

from ser_core.config.settings import S3Settings
from ser_core.data.storage.request_count import Kind, count_request
from ser_core.data.storage.s3_errors import translated
from ser_core.errors import SettingsError

_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "ListObjectsV2": "list",
        "GetObject": "get",
        "HeadObject": "head",
        "PutObject": "put",
        "CreateMultipartUpload": "put",
        "UploadPart": "put",
        "CompleteMultipartUpload": "put",
        "DeleteObject": "delete",
        "AbortMultipartUpload": "delete",
    }
)


@lru_cache(maxsize=8)
def client_of(settings: S3Settings, process_id: int) -> Any:
    """The client of a process, kept for all its storages and tasks. A fork must not share sockets.

    It makes each request once: `ser_core.data.storage.s3_retry` repeats them.

    Raises:
        SettingsError: the endpoint is no URL.
    """
    config: dict[str, Any] = {
        "retries": {"mode": settings.retry_mode, "total_max_attempts": 1},
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
    client.meta.events.register("request-created.s3", _count)
    return client


def _count(operation_name: str, **_: Any) -> None:
    if operation_name in _KINDS:
        count_request(_KINDS[operation_name])
