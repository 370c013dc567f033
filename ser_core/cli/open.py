"""Opening the tables and models of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_core.config import Settings
from ser_core.data.storage import Storage, check_place, open_storage
from ser_core.data.tables.layout import has_tables
from ser_core.data.tables.store import TableStore
from ser_core.errors import SettingsError

if TYPE_CHECKING:
    from ser_core.data.tables.catalog import Catalog


def open_tables(settings: Settings) -> TableStore:
    """The archive's tables, which may not exist yet.

    Raises:
        SettingsError: the place cannot be used.
    """
    storage = open_storage(settings.tables.uri, settings.storage)
    check_place("tables.uri", storage, may_be_new=True)
    return TableStore(storage)


def open_filled_tables(settings: Settings) -> TableStore:
    """The archive's tables.

    Raises:
        SettingsError: there are none, or the place cannot be used.
    """
    store = open_tables(settings)
    if not has_tables(store):
        raise SettingsError(
            [
                f"tables.uri: there are no tables below {store.storage.uri}. Is it the right place? --tables.uri sets "
                "another, --config FILE reads it from a file, such as --config demo; `ser ingest` makes the first table"
            ]
        )
    return store


def open_models(settings: Settings) -> Storage:
    """The folder of model bundles, which may not exist yet.

    Raises:
        SettingsError: the place cannot be used.
    """
    storage = open_storage(settings.models.uri, settings.storage)
    check_place("models.uri", storage, may_be_new=True)
    return storage


def open_catalog(settings: Settings) -> Catalog:
    """The tables for SQL, with the promoted model's rows as `current_*`.

    Raises:
        SettingsError: there are none.
    """
    from ser_core.data.tables.catalog import Catalog  # noqa: PLC0415 - DuckDB is loaded for questions only
    from ser_core.learning.training.registry import promoted  # noqa: PLC0415

    return Catalog(open_filled_tables(settings), promoted(open_models(settings), settings.models.name))
