"""Rows as bytes, so that many of them travel as one."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


def packed(table: pa.Table) -> bytes:
    """The rows as a compressed Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def unpacked(pieces: Sequence[bytes]) -> pa.Table:
    """The rows of several `packed` tables of one schema."""
    return pa.concat_tables([pa.ipc.open_stream(piece).read_all() for piece in pieces])
