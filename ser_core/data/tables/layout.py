"""How files lie below a tables' root, as a number: tables of another layout are refused before work."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

from ser_core.data.tables.schemas import FEATURES, TABLES, features_schema
from ser_core.data.tables.store import STATE, TableStore, partition_path
from ser_core.data.tables.table import NO_ROWS, NO_ROWS_AT, Table
from ser_core.errors import ObjectMissingError, SettingsError

_KEY = f"{STATE}layout.json"
_LAYOUT = 2  # 2: log tables are partitioned by call_date


def check_layout(store: TableStore) -> None:
    """Notes the layout of a new root and gives each table its file without rows. Refuses tables of another layout.

    Raises:
        SettingsError: the root has tables of another layout.
    """
    kept = store.storage.read_or_none(_KEY)
    if kept is not None and json.loads(kept)["layout"] == _LAYOUT:
        return
    if kept is not None or any(_is_old(store, table) for table in TABLES.values()):
        raise SettingsError(
            [
                f"tables.uri: {store.storage.uri} has tables of another layout than {_LAYOUT}. Set tables.uri to a new "
                "place and run ingest, extract and score again; nothing has been changed"
            ]
        )
    for table in TABLES.values():
        if not store.storage.exists(no_rows_key(table)):
            store.write(no_rows_key(table), table.file_schema.empty_table())
    store.storage.put_if_absent(_KEY, json.dumps({"layout": _LAYOUT}).encode())


def no_rows_key(table: Table) -> str:
    """Key of the table's file without rows. The only file of `dates` is replaced when there are rows."""
    if table.kind == "single":
        return f"{table.name}/{table.name}.parquet"
    return f"{table.name}/{partition_path(table, NO_ROWS_AT)}{NO_ROWS}"


def fit_features(store: TableStore, dimension: int) -> None:
    """Makes the file without rows of `features` one of `dimension` values, before the first vectors are written.

    Engines that check types, such as pandas and polars, read only files of one type together.
    """
    key = no_rows_key(FEATURES)
    schema = features_schema(dimension)
    try:
        with store.storage.open(key, 0) as source:
            fits = pq.read_schema(source).field("vector").type == schema.field("vector").type
    except ObjectMissingError:
        fits = False
    if not fits:
        store.write(key, pa.Table.from_batches([], schema=schema))


def has_tables(store: TableStore) -> bool:
    """Whether anything is below the root that is named as a table. One listing."""
    folders = {child.rstrip("/") for child in store.storage.children("")}
    return not folders.isdisjoint(TABLES)


def _is_old(store: TableStore, table: Table) -> bool:
    if store.storage.exists(f"{table.name}/_table.json"):
        return True
    return bool(table.partitions) and any(True for _ in store.storage.list(f"{table.name}/", recursive=False))
