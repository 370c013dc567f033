"""An S3 server in this process that speaks HTTP: moto on a free port of the loopback interface."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ser_core.config.settings import S3Settings, StorageSettings

DUMMY_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""Credentials that open nothing, and none of the machine's own."""


@contextmanager
def running_server() -> Iterator[str]:
    """The endpoint's URL, for as long as the server runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what moto and its dependencies emit when they are imported
        from moto.server import ThreadedMotoServer
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def storage_settings(endpoint_url: str | None = None) -> StorageSettings:
    """Settings that reach `endpoint_url` and give up soon."""
    return StorageSettings(
        s3=S3Settings(
            endpoint_url=endpoint_url,
            region="us-east-1",
            retry_mode="standard",
            max_attempts=2,
            connect_timeout_s=2.0,
            read_timeout_s=10.0,
        )
    )
