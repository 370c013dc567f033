"""S3 for tests: the environment of its clients, settings that reach it, and moto, which faults are injected into.

moto speaks HTTP and keeps S3's order of keys, but accepts wrong keys and checksums: what it allows proves little.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ser_core.config.settings import S3Settings, StorageSettings

_NOBODYS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
"""Variables of the machine that lead elsewhere."""


def environment(key: str, secret: str) -> Mapping[str, str]:
    """Variables with these credentials, and none of the machine's own."""
    return {**_NOBODYS, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


@contextmanager
def moto_server() -> Iterator[str]:
    """The URL of moto, on a free port, for as long as the block lasts. Any credentials will do."""
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


def storage_settings(endpoint_url: str | None = None, outage_s: float = 0.0) -> StorageSettings:
    """Settings that reach `endpoint_url` and give up soon."""
    return StorageSettings(
        s3=S3Settings(
            endpoint_url=endpoint_url,
            region="us-east-1",
            retry_mode="standard",
            max_attempts=2,
            connect_timeout_s=2.0,
            read_timeout_s=10.0,
            outage_s=outage_s,
        )
    )
