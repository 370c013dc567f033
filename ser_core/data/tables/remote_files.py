"""Parquet files of a storage as a dataset for DuckDB: read in ranges, with our credentials, retries and messages."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ser_core.data.storage import Storage
from ser_core.data.tables.store import conform
from ser_core.errors import StorageError

_THREADS = 4  # files read at once
_FORMAT = ds.ParquetFileFormat()


class RemoteFiles(ds.InMemoryDataset):  # type: ignore[misc]  # pyarrow has no types
    """Files that DuckDB scans through `scanner`; for all else, an empty dataset of their schema.

    Arrow's own scan of a Python file system reads ahead in threads that outlive it, and can wait for Python forever.

    Args:
        storage: of the files.
        keys: of the files.
        schema: columns to read; nulls where a file does not have them.
        partitions: columns that name folders (`call_date=2026-03-02/`): a filter on one opens no other folders.
    """

    def __init__(self, storage: Storage, keys: Sequence[str], schema: pa.Schema, partitions: Sequence[str]) -> None:
        super().__init__(schema.empty_table())
        self._storage = storage
        levels = ds.partitioning(pa.schema([schema.field(name) for name in partitions]), flavor="hive")
        anywhere = pafs.LocalFileSystem()  # a fragment needs one, but is asked for its path only
        fragments = [_FORMAT.make_fragment(key, anywhere, levels.parse(key)) for key in keys]
        self._files = ds.FileSystemDataset(fragments, schema, _FORMAT, anywhere)
        self._failures: list[StorageError] = []

    def failure(self) -> StorageError | None:
        """The first error of the storage since this was asked: DuckDB wraps it in its own."""
        failures, self._failures = self._failures, []
        return failures[0] if failures else None

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> RemoteScan:
        """The scan of `columns` (all where None) and of rows for which the expression `filter` is true."""
        return RemoteScan(self, self.schema.names if columns is None else columns, filter)

    def tables(self, columns: Sequence[str], filter: Any) -> Iterator[pa.Table]:
        """One table per file, in the order of keys; at most `_THREADS` files are in memory."""
        waiting: deque[Future[pa.Table]] = deque()
        pool = ThreadPoolExecutor(_THREADS)
        try:
            for fragment in self._files.get_fragments(filter):
                waiting.append(pool.submit(self._read, fragment.path, columns, filter))
                if len(waiting) == _THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except StorageError as error:
            self._failures.append(error)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, key: str, columns: Sequence[str], filter: Any) -> pa.Table:
        """Rows of a file, read in this thread alone."""
        read = pa.schema([field for field in self.schema if field.name in columns or _may_use(filter, field.name)])
        with self._storage.open_ranges(key) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            names = [name for name in read.names if name in file.schema_arrow.names]
            parts = [read.empty_table()]
            for group in _row_groups(file.metadata, filter, self.schema):
                table = conform(file.read_row_group(group, names, use_threads=False), read)
                parts.append(table if filter is None else table.filter(filter))
        return pa.concat_tables(parts).select(list(columns))


def _may_use(filter: Any, column: str) -> bool:
    """Whether an expression uses a column; a text in it that is the column's name counts too."""
    return filter is not None and re.search(rf"\b{re.escape(column)}\b", str(filter)) is not None


def _row_groups(metadata: pq.FileMetaData, filter: Any, schema: pa.Schema) -> list[int]:
    """Row groups that may have rows for which `filter` is true, by their statistics."""
    if filter is None:
        return list(range(metadata.num_row_groups))
    footer = pa.BufferOutputStream()
    metadata.write_metadata_file(footer)
    fragment = _FORMAT.make_fragment(pa.BufferReader(footer.getvalue()))
    return [group.id for part in fragment.split_by_row_group(filter, schema) for group in part.row_groups]


class RemoteScan(NamedTuple):
    """What DuckDB uses of a `pyarrow.dataset.Scanner`."""

    files: RemoteFiles
    columns: Sequence[str]
    filter: Any

    @property
    def projected_schema(self) -> pa.Schema:
        """Of the rows that are read."""
        return pa.schema([self.files.schema.field(name) for name in self.columns])

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows, read as they are asked for."""
        tables = self.files.tables(self.columns, self.filter)
        return pa.RecordBatchReader.from_batches(
            self.projected_schema, (batch for table in tables for batch in table.to_batches())
        )
