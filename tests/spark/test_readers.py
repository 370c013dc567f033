"""Every table reads as it is, by a path and nothing else, in the engines that people have; empty tables too."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.layout import check_layout, fit_features
from ser_core.data.tables.schemas import SEGMENT_EMOTIONS, TABLES, Table
from ser_core.data.tables.store import TableStore
from tests.support.pipeline import store_of
from tests.support.tables import DIMENSION, MODEL, fill

Rows = list[dict[str, Any]]
Reader = Callable[[Path, SparkSession], Rows]


def by_pandas(folder: Path, spark: SparkSession) -> Rows:
    return [dict(row) for row in pd.read_parquet(folder).to_dict("records")]


def by_polars(folder: Path, spark: SparkSession) -> Rows:
    return pl.scan_parquet(folder).collect().to_dicts()


def by_duckdb(folder: Path, spark: SparkSession) -> Rows:
    sql = f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
    return duckdb.sql(sql).to_arrow_table().to_pylist()


def by_spark(folder: Path, spark: SparkSession) -> Rows:
    return [row.asDict(recursive=True) for row in spark.read.parquet(str(folder)).collect()]


def columns(reader: Reader, folder: Path, spark: SparkSession) -> Sequence[str]:
    if reader is by_pandas:
        return list(pd.read_parquet(folder).columns)
    if reader is by_polars:
        return pl.scan_parquet(folder).collect_schema().names()
    if reader is by_spark:
        return spark.read.parquet(str(folder)).columns
    return duckdb.sql(f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)").columns


READERS = pytest.mark.parametrize("reader", [by_pandas, by_polars, by_duckdb, by_spark], ids=lambda one: one.__name__)
EACH = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    check_layout(TableStore(FolderStorage(root)))
    return root


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled")
    store = TableStore(FolderStorage(root))
    check_layout(store)
    fit_features(store, DIMENSION)
    fill(store)
    return root


@READERS
@EACH
def test_an_empty_table_has_its_columns(empty: Path, table: Table, reader: Reader, spark: SparkSession) -> None:
    assert reader(empty / table.name, spark) == []
    assert set(columns(reader, empty / table.name, spark)) == set(table.schema.names)


@READERS
@EACH
def test_a_table_has_its_rows(filled: Path, table: Table, reader: Reader, spark: SparkSession) -> None:
    same(TableStore(FolderStorage(filled)), filled, table, reader, spark)


@READERS
@EACH
def test_what_a_chain_of_jobs_has_written(
    scored: tuple[Settings, Mapping[str, Any]], table: Table, reader: Reader, spark: SparkSession
) -> None:
    settings, _ = scored
    same(store_of(settings), Path(settings.tables.uri), table, reader, spark)


def same(store: TableStore, root: Path, table: Table, reader: Reader, spark: SparkSession) -> None:
    """Fails unless the reader has every row that the store has, and the values of keys and of the path."""
    names = [*dict.fromkeys((*table.key, *table.partitions))]
    expected = [row for key in store.files(table) for row in store.read(key).to_pylist()]
    read = reader(root / table.name, spark)
    ours, theirs = (sorted(tuple(plain(row[name]) for name in names) for row in rows) for rows in (expected, read))
    assert ours == theirs


def plain(value: Any) -> str:
    """A value as text: engines differ in their types of dates, times and missing values."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return "none"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def test_a_model_version_is_decoded(filled: Path, spark: SparkSession) -> None:
    for reader in (by_pandas, by_polars, by_duckdb, by_spark):
        rows = reader(filled / SEGMENT_EMOTIONS.name, spark)
        assert {row["model_version"] for row in rows} == {MODEL} == {"emotions/1"}
        assert {plain(row["call_date"]) for row in rows} == {"2026-03-02", "2026-03-03"}
