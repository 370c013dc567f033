"""Reads and writes tables as plain Parquet files on a folder or S3.

A file is `<table>/<column>=<value>/…/<name>.parquet`. A log table's name is `<run_id>-<task>-<attempt>`, a derived
table's `bucket-NNNN`. The columns in the path are not in the file. Every file becomes visible whole, by one rename or
one PUT. Nothing but Parquet is kept in a table's folder: what is known about tables is below `_state/`.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ser_core.data.storage import Storage
from ser_core.data.storage.lease import Fence, touch_leases
from ser_core.data.tables.schemas import TABLES
from ser_core.data.tables.table import NO_ROWS, NO_ROWS_AT, SCHEMA_VERSION, Table

STATE = "_state/"
_MEMORY_BYTES = 64 * 2**20  # a file up to this is read in memory, a larger one through a local spool file


class TableStore:
    """The tables below one root. Picklable: workers write through their own copy.

    Args:
        storage: the root of the tables.
        fence: asked before each write, so that a run which has lost its lease overwrites nothing newer.
    """

    def __init__(self, storage: Storage, fence: Fence | None = None) -> None:
        self.storage = storage
        self.fence = fence

    def files(self, table: Table, prefix: str = "") -> list[str]:
        """Keys of the table's files, sorted, but for `NO_ROWS`; `prefix` narrows to a partition path."""
        keys = (info.key for info in self.storage.list(f"{table.name}/{prefix}"))
        return sorted(key for key in keys if key.endswith(".parquet") and not key.endswith(f"/{NO_ROWS}"))

    def files_of(self, table: Table, **values: Any) -> list[str]:
        """Keys of the files of one partition, sorted, such as `call_date=…`."""
        return self.files(table, partition_path(table, values))

    def read(
        self, key: str, columns: Sequence[str] | None = None, filters: Any = None, schema: pa.Schema | None = None
    ) -> pa.Table:
        """One file as an Arrow table, with the columns of its path.

        Args:
            key: of the file.
            columns: names to read, on S3 by ranges; the whole file where None.
            filters: a pyarrow.compute expression, or the list form of `pyarrow.parquet.read_table`.
            schema: where given, columns the file does not have yet (an older schema version) come as nulls.

        Raises:
            ObjectMissingError: no such file.
        """
        by_ranges = columns is not None and filters is None
        with self.storage.open_ranges(key) if by_ranges else self.storage.open(key, _MEMORY_BYTES) as source:
            file = pq.ParquetFile(source, pre_buffer=False)
            present = set(file.schema_arrow.names)
            wanted = None if columns is None else [name for name in columns if name in present]
            if by_ranges:
                rows = file.read(wanted, use_threads=False)
            else:
                source.seek(0)
                rows = pq.read_table(source, columns=wanted, filters=filters, partitioning=None)
        for name, value in path_values(key).items():
            if (columns is None or name in columns) and name not in present:
                rows = rows.append_column(name, pa.repeat(value, len(rows)))
        return rows if schema is None else conform(rows, schema if columns is None else _narrow(schema, columns))

    def read_all(self, table: Table, keys: Iterable[str], columns: Sequence[str] | None = None) -> pa.Table:
        """Several files of a table as one, with all columns or `columns`, and in the column `file` the key."""
        schema = table.schema if columns is None else _narrow(table.schema, columns)
        parts = [schema.empty_table().append_column("file", pa.array([], pa.string()))]
        for key in keys:
            rows = self.read(key, columns, schema=table.schema)
            parts.append(rows.append_column("file", pa.repeat(pa.scalar(key, pa.string()), len(rows))))
        return pa.concat_tables(parts)

    def recordings(self, key: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """`columns` of a log file in pieces of about a row group; adjacent rows of a recording are in one piece.

        `columns` hold `recording_id`, and are columns of the file.

        Raises:
            ObjectMissingError: no such file.
        """
        with self.storage.open(key, _MEMORY_BYTES) as source, pq.ParquetFile(source) as file:
            rest: pa.Table | None = None
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=list(columns), use_threads=False)
                whole, rest = _cut(rows if rest is None else pa.concat_tables([rest, rows]))
                if len(whole):
                    yield whole
            if rest is not None:
                yield rest

    def write(self, key: str, table: pa.Table) -> None:
        """Replaces the file `key` by `table`, whole, without the columns of its path.

        Raises:
            LeaseLostError: the fence is down.
        """
        in_path = [name for name in path_values(key) if name in table.column_names]
        sink = pa.BufferOutputStream()
        pq.write_table(table.drop_columns(in_path) if in_path else table, sink, compression="zstd")
        self.put(key, sink.getvalue().to_pybytes())

    def put(self, key: str, data: bytes | BinaryIO) -> None:
        """Writes `key`, whole, unless the fence is down (LeaseLostError)."""
        if self.fence is not None:
            self.fence.check()
        self.storage.put(key, data)
        touch_leases()

    def delete(self, key: str) -> None:
        """Removes `key`, unless the fence is down (LeaseLostError)."""
        if self.fence is not None:
            self.fence.check()
        self.storage.delete(key)
        touch_leases()

    @contextmanager
    def stream(self, key: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
        """A writer whose file appears at `key` when the block ends without an error, and not at all otherwise."""
        with tempfile.TemporaryFile() as file:  # it has no name: nothing is left of it where the process is killed
            with pq.ParquetWriter(file, schema, compression="zstd", **_encodings(schema)) as writer:
                yield writer
            file.flush()
            self.put(key, cast(BinaryIO, file))

    def buckets(self, table: Table, wanted: int) -> int:
        """The number of buckets of a derived table: `wanted` at its first write, what is kept for it ever after."""
        key = f"{STATE}tables/{table.name}.json"
        kept = self.kept_buckets(table)
        if kept is None:
            self.storage.put_if_absent(key, json.dumps({"buckets": wanted, "schema_version": SCHEMA_VERSION}).encode())
            kept = self.kept_buckets(table)
        return wanted if kept is None else kept

    def kept_buckets(self, table: Table) -> int | None:
        """The number of buckets that is kept for a derived table; None where nothing is."""
        kept = self.storage.read_or_none(f"{STATE}tables/{table.name}.json")
        return None if kept is None else int(json.loads(kept)["buckets"])

    def partitions(self, table: Table) -> list[dict[str, str]]:
        """Values of the partition columns of every partition that is there. Costs what the table's age is."""
        paths = [f"{table.name}/"]
        for _ in table.partitions:
            paths = [child for path in paths for child in self.storage.children(path) if not _has_no_rows(child)]
        return [
            dict(zip(table.partitions, (unquote(part.partition("=")[2]) for part in path.split("/")[1:]), strict=False))
            for path in paths
        ]


def log_key(table: Table, run_id: str, task: int, attempt: int = 0, **values: Any) -> str:
    """Key of the file that an attempt at task `task` of run `run_id` writes into a partition, such as `call_date=…`."""
    return f"{table.name}/{partition_path(table, values)}{run_id}-{task:05d}-{attempt}.parquet"


def partition_path(table: Table, values: Mapping[str, Any]) -> str:
    """Path of a partition below the table's folder, ending in a slash, as Hive names it."""
    return "".join(f"{name}={quote(str(values[name]), safe='')}/" for name in table.partitions)


def _has_no_rows(path: str) -> bool:
    """Whether a path leads to the partition of the file without rows."""
    name, _, value = path.rstrip("/").rpartition("/")[2].partition("=")
    return NO_ROWS_AT.get(name) == value


def path_values(key: str) -> dict[str, pa.Scalar]:
    """Values of the columns in the path of a file, in the types of its table."""
    name, *parts = key.split("/")
    if name not in TABLES:
        return {}
    schema = TABLES[name].schema
    pairs = (part.partition("=") for part in parts[:-1] if "=" in part)
    return {name: pa.scalar(unquote(value)).cast(schema.field(name).type) for name, _, value in pairs}


def bucket_key(table: Table, values: Mapping[str, Any], bucket: int) -> str:
    """Key of a bucket's file."""
    return f"{table.name}/{partition_path(table, values)}bucket-{bucket:04d}.parquet"


def bucket_of(call_id: str, buckets: int) -> int:
    """The bucket of a call: CRC-32 of its UTF-8 bytes, modulo `buckets`."""
    return zlib.crc32(call_id.encode()) % buckets


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with exactly the columns of `schema`: cast, in order, nulls where it has no such column."""
    present = set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type) if field.name in present else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def rows(schema: pa.Schema, values: Iterable[Mapping[str, Any]]) -> pa.Table:
    """An Arrow table of `schema` from rows; `schema_version` is filled in."""
    return pa.Table.from_pylist([{**row, "schema_version": SCHEMA_VERSION} for row in values], schema=schema)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Vectors without a dictionary, since no value occurs twice. Not split into streams of bytes, which would take 0.82
    of their size instead of 0.96: Spark (4.1) cannot read that."""
    return {"use_dictionary": [name for name in schema.names if name != "vector"]} if "vector" in schema.names else {}


def _cut(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """All but the last recording of a table, and the last, which may go on in the next row group."""
    if not len(table):
        return table, table
    ids = table.column("recording_id")
    others = pc.indices_nonzero(pc.not_equal(ids, ids[-1]))
    edge = others[-1].as_py() + 1 if len(others) else 0
    return table.slice(0, edge), table.slice(edge)


def _narrow(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in columns])
