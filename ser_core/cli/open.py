"""Opening the tables for questions."""

from __future__ import annotations

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.store import TableStore


def open_catalog(settings: Settings) -> Catalog:
    """The tables of the settings, with the promoted model's rows as `current_*`."""
    from ser_core.learning.training.registry import promoted  # noqa: PLC0415

    models = open_storage(settings.models.uri, settings.storage)
    store = TableStore(open_storage(settings.tables.uri, settings.storage))
    return Catalog(store, settings.storage, promoted(models, settings.models.name))
