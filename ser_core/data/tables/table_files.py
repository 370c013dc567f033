"""A table's Parquet files as a dataset for DuckDB; a filter on a column of the path opens no other folders."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ser_core.data.tables.store import TableStore, conform, path_values
from ser_core.data.tables.table import Table
from ser_core.errors import StorageError

_THREADS = 4  # files read at once
_LISTED_ONE_BY_ONE = 100  # folders; more of them are listed together, in pages of the whole table
_FORMAT = ds.ParquetFileFormat()
_LOCAL = pafs.LocalFileSystem()

Chosen = Callable[[Mapping[str, str]], bool]
"""Whether a partition, by the values in its path, is part of a view."""


class TableFiles(ds.InMemoryDataset):  # type: ignore[misc]  # pyarrow has no types
    """The files of a table that DuckDB scans through `scanner`; for all else, an empty dataset of their schema.

    Files are listed at each scan. Those of a folder are read by Arrow. Those on S3 are read in ranges, with our
    credentials, retries and messages: Arrow's own scan of a Python file system reads ahead in threads that outlive it,
    and can wait for Python forever.

    Args:
        store: the tables.
        table: of them.
        chosen: partitions of the view; all where None.
    """

    def __init__(self, store: TableStore, table: Table, chosen: Chosen | None = None) -> None:
        super().__init__(_columns(table).empty_table())
        self._store, self._table, self._chosen = store, table, chosen
        self._levels = ds.partitioning(
            pa.schema([table.schema.field(name) for name in table.partitions]), flavor="hive"
        )
        self._failures: list[StorageError] = []

    def failure(self) -> StorageError | None:
        """The first error of the storage since this was asked: DuckDB wraps it in its own."""
        failures, self._failures = self._failures, []
        return failures[0] if failures else None

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> Any:
        """The scan of `columns` (all where None) and of rows for which the expression `filter` is true."""
        columns = self.schema.names if columns is None else columns
        try:
            keys = self._keys(filter)
        except StorageError as error:
            self._failures.append(error)
            raise
        paths = [self._store.storage.local_path(key) for key in keys]
        if None in paths or not paths:
            return _RangedScan(self, keys, columns, filter)
        fragments = [self._fragment(key, str(path)) for key, path in zip(keys, paths, strict=True)]
        files = ds.FileSystemDataset(fragments, self.schema, _FORMAT, _LOCAL)
        return files.scanner(columns=list(columns), filter=filter)

    def tables(self, keys: Sequence[str], columns: Sequence[str], filter: Any) -> Iterator[pa.Table]:
        """One table per file, in the order of keys; at most `_THREADS` files are in memory."""
        waiting: deque[Future[pa.Table]] = deque()
        pool = ThreadPoolExecutor(_THREADS)
        try:
            for key in keys:
                waiting.append(pool.submit(self._read, key, columns, filter))
                if len(waiting) == _THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except StorageError as error:
            self._failures.append(error)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _keys(self, filter: Any) -> list[str]:
        """Files that may have rows for which `filter` is true, by their paths."""
        root = f"{self._table.name}/"
        folders = [root]
        for _ in self._table.partitions:
            folders = self._pruned([child for path in folders for child in self._store.storage.children(path)], filter)
        if self._chosen is not None:
            folders = [path for path in folders if self._chosen(_values(path))]
        if len(folders) <= _LISTED_ONE_BY_ONE:
            return [key for path in folders for key in self._store.files(self._table, path.removeprefix(root))]
        wanted = set(folders)
        return [key for key in self._store.files(self._table) if key[: key.rindex("/") + 1] in wanted]

    def _pruned(self, folders: Sequence[str], filter: Any) -> list[str]:
        fragments = [self._fragment(path, path) for path in folders]
        within = ds.FileSystemDataset(fragments, self.schema, _FORMAT, _LOCAL)
        return [str(fragment.path) for fragment in within.get_fragments(filter)]

    def _fragment(self, key: str, path: str) -> Any:
        """The file or folder `path`, whose `key` has the values of partition columns."""
        return _FORMAT.make_fragment(path, _LOCAL, self._levels.parse(key))

    def _read(self, key: str, columns: Sequence[str], filter: Any) -> pa.Table:
        """Rows of a file, read in this thread alone."""
        read = pa.schema([field for field in self.schema if field.name in columns or _may_use(filter, field.name)])
        in_path = path_values(key)
        with self._store.storage.open_ranges(key) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            names = [name for name in read.names if name in file.schema_arrow.names and name not in in_path]
            parts = [read.empty_table()]
            for group in _row_groups(file.metadata, filter, self.schema):
                count = file.metadata.row_group(group).num_rows
                arrays = {name: pa.repeat(value, count) for name, value in in_path.items()}
                if names:
                    held = file.read_row_group(group, names, use_threads=False)
                    arrays |= {name: held[name] for name in names}
                rows = conform(pa.table(arrays), read)
                parts.append(rows if filter is None else rows.filter(filter))
        return pa.concat_tables(parts).select(list(columns))


def _columns(table: Table) -> pa.Schema:
    """The table's columns as they are read: vectors of any length, since a table may hold several feature sets."""
    kinds = {
        field.name: pa.list_(field.type.value_type) if pa.types.is_fixed_size_list(field.type) else field.type
        for field in table.schema
    }
    return pa.schema(list(kinds.items()))


def _values(path: str) -> Mapping[str, str]:
    """Values of the columns in the path of a folder, as text."""
    parts = (part.partition("=") for part in path.strip("/").split("/")[1:])
    return {name: unquote(value) for name, _, value in parts}


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


class _RangedScan(NamedTuple):
    """What DuckDB uses of a `pyarrow.dataset.Scanner`."""

    files: TableFiles
    keys: Sequence[str]
    columns: Sequence[str]
    filter: Any

    @property
    def projected_schema(self) -> pa.Schema:
        """Of the rows that are read."""
        return pa.schema([self.files.schema.field(name) for name in self.columns])

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows, read as they are asked for."""
        tables = self.files.tables(self.keys, self.columns, self.filter)
        return pa.RecordBatchReader.from_batches(
            self.projected_schema, (batch for table in tables for batch in table.to_batches())
        )
