"""Whether the folder of the tables is the same folder on every machine, asked before Spark works on it."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import SparkSession

from ser_core.data.storage import Storage
from ser_core.errors import SettingsError
from ser_core.pipeline.engine.arrow_map import map_arrow

_SEEN = pa.schema([("host", pa.string()), ("seen", pa.bool_())])
_TRIES, _WAIT_S = 5, 1.0  # a network file system may show a new file late


def check_shared(storage: Storage, marker: str, session: SparkSession) -> None:
    """Does nothing on S3, and where Spark runs within the driver's process.

    Args:
        storage: the root of the tables.
        marker: beginning of the key of a file that is written, and removed again.
        session: whose tasks look for the file.

    Raises:
        SettingsError: a task does not see the file.
    """
    if "://" in storage.uri or str(session.sparkContext.master).startswith("local["):
        return
    key = f"{marker}{secrets.token_hex(4)}.json"
    storage.put(key, json.dumps({"host": socket.gethostname()}).encode())
    try:
        tasks = max(session.sparkContext.defaultParallelism, 2)
        seen = map_arrow(session.range(0, tasks, 1, tasks).select("id"), _Look(storage, key), _SEEN).toArrow()
    finally:
        storage.delete(key)
    hosts = sorted({row["host"] for row in seen.to_pylist() if not row["seen"]})
    if hosts:
        raise SettingsError(
            [
                f"tables.uri: {storage.uri} is not one folder for all machines: tasks on {', '.join(hosts)} do not see "
                f"what the driver on {socket.gethostname()} writes there. Expected s3://bucket/prefix, or a folder "
                "that is mounted at the same path on every machine"
            ]
        )


@dataclass(frozen=True)
class _Look:
    """`mapInArrow`: whether this machine sees the file `key`."""

    storage: Storage
    key: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            seen = self.storage.exists(self.key)
            for _ in range(_TRIES - 1):
                if not seen:
                    time.sleep(_WAIT_S)
                    seen = self.storage.exists(self.key)
            yield pa.RecordBatch.from_pylist([{"host": socket.gethostname(), "seen": seen}], schema=_SEEN)
