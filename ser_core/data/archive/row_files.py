"""Rows of a CSV or Parquet file as text."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ser_core.config.base import MB
from ser_core.config.settings import StorageSettings
from ser_core.data.storage import locate
from ser_core.errors import SettingsError

Row = dict[str, str]
_MEMORY_BYTES = 64 * MB


def read_rows(uri: str, column: str, settings: StorageSettings) -> Iterator[tuple[int, Row]]:
    """Number and values of each row of a file that has `column`; empty values are left out.

    CSV is UTF-8 with commas and a header (RFC 4180); a row's number is that of its last line. Parquet may have any
    types; times become ISO 8601, and rows are counted from 1.

    Raises:
        SettingsError: the file is neither CSV nor Parquet, is damaged, or has no `column`.
    """
    storage, key = locate(uri, settings)
    readers = {"csv": _csv_rows, "parquet": _parquet_rows}
    reader = readers.get(uri.rpartition(".")[2].lower())
    if reader is None:
        raise SettingsError([f"{uri} is neither .csv nor .parquet"])
    with storage.open(key, _MEMORY_BYTES) as file:
        try:
            yield from reader(uri, column, file)
        except (csv.Error, UnicodeDecodeError, pa.ArrowInvalid) as error:
            raise SettingsError([f"{uri} cannot be read: {error}; expected CSV in UTF-8, or Parquet"]) from error


def check_column(uri: str, column: str, settings: StorageSettings) -> None:
    """Reads the first row only.

    Raises:
        SettingsError: as `read_rows`.
    """
    next(read_rows(uri, column, settings), None)


def is_table_uri(uri: str) -> bool:
    """Whether `uri` names a file that `read_rows` reads, rather than a folder."""
    return uri.lower().endswith((".csv", ".parquet"))


def _csv_rows(uri: str, column: str, file: BinaryIO) -> Iterator[tuple[int, Row]]:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _require(uri, column, header)
        for values in reader:
            if values and len(values) != len(header):
                raise SettingsError([f"{uri}:{reader.line_num} has {len(values)} values, its header {len(header)}"])
            if values:
                yield reader.line_num, _stripped(zip(header, values, strict=True))


def _parquet_rows(uri: str, column: str, file: BinaryIO) -> Iterator[tuple[int, Row]]:
    with pq.ParquetFile(file) as parquet:
        header = parquet.schema_arrow.names
        _require(uri, column, header)
        number = 0
        for batch in parquet.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, _stripped((name, _text(value)) for name, value in row.items())


def _require(uri: str, column: str, header: list[str]) -> None:
    faults = []
    if column not in header:
        faults.append(f"{uri} has no column {column}: it has {', '.join(header) or 'none'}")
    faults += [f"{uri} has the column {name} twice" for name in sorted({n for n in header if header.count(n) > 1})]
    if faults:
        raise SettingsError(faults)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _stripped(pairs: Iterable[tuple[str, str]]) -> Row:
    return {name: value.strip() for name, value in pairs if value.strip()}
