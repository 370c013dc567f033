"""The tables as views of an in-process DuckDB, read-only and confined to the tables' root."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from ser_core.config.base import MB
from ser_core.data.tables.schemas import DATES, TABLES
from ser_core.data.tables.store import TableStore
from ser_core.data.tables.table_files import TableFiles
from ser_core.errors import QueryError

CURRENT = ("segment_emotions", "call_emotions")
"""Tables with a view `current_<table>`."""


class Catalog:
    """Every table as a view of its name, and the views `current_*`: each date as one model has scored it.

    That is the promoted model where it has published the date, else the model that published it last.

    Args:
        store: the tables.
        model_version: the promoted model; None where there is none.
    """

    def __init__(self, store: TableStore, model_version: str | None) -> None:
        self._store = store
        self._db = duckdb.connect(":memory:")
        current = _CurrentModel(store, model_version)
        self._views = {table.name: TableFiles(store, table) for table in TABLES.values()}
        self._views |= {f"current_{name}": TableFiles(store, TABLES[name], current) for name in CURRENT}
        for name, files in self._views.items():
            self._db.register(name, files)
        self._db.execute("SET allowed_directories = []")
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")

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
            raise QueryError(f"{error}\nViews: {', '.join(self._views)}") from None

    def _answer(self, sql: str) -> pa.Table:
        try:
            return self._db.sql(sql).to_arrow_table()
        except duckdb.Error:
            failures = [failure for files in self._views.values() if (failure := files.failure())]
            if failures:
                raise failures[0] from None
            raise

    def sizes(self) -> list[Mapping[str, Any]]:
        """Name, rows, files, megabytes and columns of every table. Reads the end of every file."""
        sizes: list[Mapping[str, Any]] = []
        for table in TABLES.values():
            files = set(self._store.files(table))
            sizes_of = (info.size_bytes for info in self._store.storage.list(f"{table.name}/") if info.key in files)
            count = self._answer(f"SELECT count(*) AS rows FROM {table.name}")  # noqa: S608 - names are ours
            sizes.append(
                {
                    "table": table.name,
                    "rows": count["rows"][0].as_py(),
                    "files": len(files),
                    "size_mb": round(sum(sizes_of) / MB, 2),
                    "columns": table.schema.names,
                }
            )
        return sizes


class _CurrentModel:
    """Whether a partition of model_version and call_date is the one to show, by the table `dates`."""

    def __init__(self, store: TableStore, promoted: str | None) -> None:
        self._store, self._promoted = store, promoted

    def __call__(self, values: Mapping[str, str]) -> bool:
        return values["model_version"] == self._by_date.get(values["call_date"], self._promoted)

    @cached_property
    def _by_date(self) -> Mapping[str, str]:
        """The model to show of each date that any has published."""
        columns = ("call_date", "models", "model_version")
        rows = self._store.read_all(DATES, self._store.files(DATES), columns).to_pylist()
        shown = {str(row["call_date"]): row["model_version"] for row in rows if row["model_version"] is not None}
        if self._promoted is not None:
            shown |= {str(row["call_date"]): self._promoted for row in rows if self._promoted in (row["models"] or ())}
        return shown
