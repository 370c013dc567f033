"""Opening the tables and models of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_core.config import Settings
from ser_core.data.storage import Storage, open_storage
from ser_core.data.tables.store import TableStore

if TYPE_CHECKING:
    from ser_core.data.tables.catalog import Catalog


def open_tables(settings: Settings) -> TableStore:
    """The archive's tables."""
    return TableStore(open_storage(settings.tables.uri, settings.storage))


def open_models(settings: Settings) -> Storage:
    """The folder of model bundles."""
    return open_storage(settings.models.uri, settings.storage)


def open_catalog(settings: Settings) -> Catalog:
    """The tables for SQL, with the promoted model's rows as `current_*`."""
    from ser_core.data.tables.catalog import Catalog  # noqa: PLC0415 - DuckDB is loaded for questions only
    from ser_core.learning.training.registry import promoted  # noqa: PLC0415

    return Catalog(open_tables(settings), promoted(open_models(settings), settings.models.name))
