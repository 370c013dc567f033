"""Rewrites Parquet files in pieces, so that no file needs to fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ser_core.config.base import MB
from ser_core.data.tables.store import TableStore, conform

_MEMORY_BYTES = 64 * MB
_BATCH_BYTES = 32 * MB

Keep = Callable[[pa.Table], pa.Array]
"""A function from a table to a mask of the rows to keep."""


def schema_of(store: TableStore, key: str) -> pa.Schema:
    """The schema of a file."""
    with store.storage.open(key, _MEMORY_BYTES) as source:
        return pq.read_schema(source)


def tables_in(store: TableStore, key: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file in pieces of about 32 MB."""
    with store.storage.open(key, _MEMORY_BYTES) as source:
        file = pq.ParquetFile(source)
        rows, size = (
            file.metadata.num_rows,
            sum(file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups)),
        )
        each = max(1, int(_BATCH_BYTES * rows / size)) if size else 1
        for batch in file.iter_batches(batch_size=min(each, 100_000), columns=columns):
            yield pa.Table.from_batches([batch])


def rewrite(store: TableStore, key: str, sources: Iterable[tuple[str, Keep]], schema: pa.Schema) -> int:
    """Writes `key` from the rows of `sources` that are kept, in their order, with `schema`; returns their number.

    `key` may be one of the sources: it is replaced as a whole.
    """
    written = 0
    held: list[pa.Table] = []
    with store.stream(key, schema) as writer:
        for source, keep in sources:
            for table in tables_in(store, source):
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
