"""What a table is: its name, its columns, and the columns that are in the path of its files."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SCHEMA_VERSION = 4

TIME = pa.timestamp("us", tz="UTC")
SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

NO_ROWS = "no-rows.parquet"
"""A file without rows that each table has, so that every engine can read a table in which nothing is yet."""

NO_ROWS_AT = {"model_version": "none", "call_date": "0001-01-01", "month": "0001-01"}
"""The partition of that file: values of the types that the column has."""


@dataclass(frozen=True)
class Table:
    """A table of the public contract.

    Attributes:
        name: the folder below the tables' root.
        kind: `log` (append only, one file a task), `derived` (one file a bucket, replaced whole), `single` (one file).
        key: columns that identify a row.
        schema: every column, those of the path too.
        partitions: columns that are levels of the path, and are not in the files.
    """

    name: str
    kind: str
    key: tuple[str, ...]
    schema: pa.Schema
    partitions: tuple[str, ...] = ()

    @property
    def file_schema(self) -> pa.Schema:
        """The columns that a file has."""
        return pa.schema([field for field in self.schema if field.name not in self.partitions])


def columns_of(kind: pa.DataType, *names: str) -> list[tuple[str, pa.DataType]]:
    """Columns of one type."""
    return [(name, kind) for name in names]


def table_schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    """A schema of `fields` and `schema_version`."""
    return pa.schema([*(pa.field(name, kind) for name, kind in fields), pa.field("schema_version", pa.int32())])
