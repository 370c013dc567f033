"""How files lie below a tables' root, as a number: tables of another layout are refused before work."""

from __future__ import annotations

import json

from ser_core.data.tables.schemas import TABLES
from ser_core.data.tables.store import STATE, TableStore
from ser_core.data.tables.table import Table
from ser_core.errors import SettingsError

_KEY = f"{STATE}layout.json"
_LAYOUT = 2  # 2: log tables are partitioned by call_date


def check_layout(store: TableStore) -> None:
    """Notes the layout of a new root, and refuses tables of another layout.

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
    store.storage.put_if_absent(_KEY, json.dumps({"layout": _LAYOUT}).encode())


def _is_old(store: TableStore, table: Table) -> bool:
    if store.storage.exists(f"{table.name}/_table.json"):
        return True
    return bool(table.partitions) and any(True for _ in store.storage.list(f"{table.name}/", recursive=False))
