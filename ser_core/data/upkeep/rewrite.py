"""Rewrites Parquet files in pieces, so that no file needs to fit into memory; and what is said at their end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ser_core.config.base import MB
from ser_core.data.tables.store import TableStore, conform
from ser_core.data.tables.table import Table

_MEMORY_BYTES = 64 * MB
_BATCH_BYTES = 32 * MB

Keep = Callable[[pa.Table], pa.Array]
"""A function from a table to a mask of the rows to keep."""


def schema_of(store: TableStore, key: str) -> pa.Schema:
    """The schema of a file. Reads its end only."""
    with store.storage.open_ranges(key) as source:
        return pq.read_schema(source)


def rows_in(store: TableStore, key: str) -> int:
    """How many rows a file has. Reads its end only."""
    with store.storage.open_ranges(key) as source:
        return int(pq.read_metadata(source).num_rows)


def _tables_in(store: TableStore, key: str) -> Iterator[pa.Table]:
    """The rows of a file in pieces of about 32 MB."""
    with store.storage.open(key, _MEMORY_BYTES) as source:
        file = pq.ParquetFile(source)
        rows, size = (
            file.metadata.num_rows,
            sum(file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups)),
        )
        each = max(1, int(_BATCH_BYTES * rows / size)) if size else 1
        for batch in file.iter_batches(batch_size=min(each, 100_000)):
            yield pa.Table.from_batches([batch])


def rewrite(store: TableStore, key: str, sources: Iterable[tuple[str, Keep]], schema: pa.Schema) -> int:
    """Writes `key` from the rows of `sources` that are kept, in their order, with `schema`; returns their number.

    `key` may be one of the sources: it is replaced as a whole.
    """
    written = 0
    held: list[pa.Table] = []
    with store.stream(key, schema) as writer:
        for source, keep in sources:
            for table in _tables_in(store, source):
                held.append(conform(table.filter(keep(table)), schema))
                written += len(held[-1])
                if sum(part.nbytes for part in held) >= _BATCH_BYTES:
                    writer.write_table(pa.concat_tables(held))
                    held.clear()
        if held:
            writer.write_table(pa.concat_tables(held))
    return written


def row_keys(table: pa.Table, names: Sequence[str]) -> pa.Array:
    """A string per row; two are equal where all columns `names` are."""
    columns = [pc.fill_null(table.column(name).cast(pa.string()), "") for name in names]
    joined = pc.binary_join_element_wise(*columns, "\0")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def columns_on(store: TableStore, table: Table, date: dt.date, names: Sequence[str]) -> pa.Table:
    """Columns of all files of a call date, for a table that has no models."""
    return store.read_all(table, store.files_of(table, call_date=date), names).drop_columns(["file"])


def partition_files(store: TableStore, table: Table, date: dt.date) -> list[str]:
    """Files of a call date, of every model where the table has models."""
    above = [f"{table.name}/"]
    for _ in table.partitions[:-1]:
        above = [child for path in above for child in store.storage.children(path)]
    paths = [path.removeprefix(f"{table.name}/") for path in above]
    return [key for path in paths for key in store.files(table, f"{path}call_date={date}/")]
