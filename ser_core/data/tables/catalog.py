"""The tables as views of an in-process DuckDB, read-only and confined to the tables' root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from ser_core.config.base import MB
from ser_core.data.tables.remote_files import RemoteFiles
from ser_core.data.tables.schemas import TABLES, Table
from ser_core.data.tables.store import TableStore
from ser_core.errors import QueryError

_LEVELS = ("model_version", "call_date")  # columns that name folders: a filter on one opens no other folders
CURRENT = ("segment_emotions", "call_emotions")
"""Tables with a view `current_<table>` of the promoted model's rows."""


class Catalog:
    """Every table as a view of its name, and `current_*` of the promoted model.

    Args:
        store: the tables.
        model_version: the promoted model; None where there is none, and the `current_*` views are empty.
    """

    def __init__(self, store: TableStore, model_version: str | None) -> None:
        self._store = store
        self._db = duckdb.connect(":memory:")
        self._remote: list[RemoteFiles] = []
        for table in TABLES.values():
            self._view(table)
        for name in CURRENT:
            where = f"model_version = {_literal(model_version)}" if model_version else "false"
            self._db.execute(f"CREATE VIEW current_{name} AS SELECT * FROM {name} WHERE {where}")  # noqa: S608
        self._confine()

    def query(self, sql: str) -> pa.Table:
        """The answer to one SELECT.

        Raises:
            QueryError: it is not one statement that reads, or it fails; the message is DuckDB's.
        """
        try:
            statements = self._db.extract_statements(sql)
            kinds = [statement.type for statement in statements]
            if len(kinds) != 1 or kinds[0] != duckdb.StatementType.SELECT:
                names = ", ".join(str(kind).rpartition(".")[2] for kind in kinds) or "nothing"
                raise QueryError(f"Expected one SELECT, found {names}: the tables are read-only here")
            return self._answer(sql)
        except duckdb.Error as error:
            views = ", ".join([*TABLES, *(f"current_{name}" for name in CURRENT)])
            raise QueryError(f"{error}\nViews: {views}") from None

    def _answer(self, sql: str) -> pa.Table:
        try:
            return self._db.sql(sql).to_arrow_table()
        except duckdb.Error:
            failures = [failure for remote in self._remote if (failure := remote.failure())]
            if failures:
                raise failures[0] from None
            raise

    def _view(self, table: Table) -> None:
        files, columns = self._store.files(table), _columns(table)
        self._db.register(f"_no_{table.name}", columns.empty_table())
        source = f"_no_{table.name}"
        if files and self._store.storage.local_path(files[0]) is not None:
            pattern = str(self._store.storage.local_path(f"{table.name}/**/*.parquet"))
            source = f"read_parquet({_literal(pattern)}, union_by_name=true, hive_partitioning=false)"
        elif files:
            levels = [name for name in _LEVELS if name in columns.names]
            self._remote.append(RemoteFiles(self._store.storage, files, columns, levels))
            source = f"_{table.name}"
            self._db.register(source, self._remote[-1])
        # a union with no rows: where no file has a column yet, it is null
        sql = f"SELECT * FROM {source} UNION ALL BY NAME SELECT * FROM _no_{table.name}"  # noqa: S608 - names are ours
        self._db.execute(f"CREATE VIEW {table.name} AS {sql}")

    def _confine(self) -> None:
        root = self._store.storage.local_path("x")
        allowed = [] if root is None else [f"{str(root.parent).rstrip('/')}/"]
        listed = ", ".join(_literal(path) for path in allowed)
        self._db.execute(f"SET allowed_directories = [{listed}]")
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")

    def sizes(self) -> list[Mapping[str, Any]]:
        """Name, rows, files, megabytes and columns of every table."""
        sizes: list[Mapping[str, Any]] = []
        for table in TABLES.values():
            infos = [
                i for i in self._store.storage.list(f"{table.name}/") if re.search(r"/[^_/][^/]*\.parquet$", i.key)
            ]
            count = self._answer(f"SELECT count(*) AS rows FROM {table.name}")  # noqa: S608 - names are ours
            sizes.append(
                {
                    "table": table.name,
                    "rows": count["rows"][0].as_py(),
                    "files": len(infos),
                    "size_mb": round(sum(info.size_bytes for info in infos) / MB, 2),
                    "columns": table.schema.names,
                }
            )
        return sizes


def _columns(table: Table) -> pa.Schema:
    """The table's columns as they are read: vectors of any length, since a table may hold several feature sets."""
    kinds = {
        field.name: pa.list_(field.type.value_type) if pa.types.is_fixed_size_list(field.type) else field.type
        for field in table.schema
    }
    return pa.schema(list(kinds.items()))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
