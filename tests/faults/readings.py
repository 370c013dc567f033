"""Two roots of tables, compared as their readers take them."""

from __future__ import annotations

import json
from typing import Any

from ser_core.data.tables.schemas import CHANNELS, FEATURES, TABLES, Table
from ser_core.data.tables.store import TableStore
from tests.support.pipeline import equal_rows, same_rows

_LOGS = ("channels", "features", "runs")
_EXTRACTION = ("recording_id", "version", "feature_set", "condition")
_KEPT = ("_inputs.json", "_profile.json", "_table.json")


def same_readings(a: TableStore, b: TableStore) -> None:
    """Fails unless a reader finds the same in both, but for names and times of runs: all rows of derived tables,
    quarantine and labels, of extractions those that count, and what is kept beside the dates."""
    for table in TABLES.values():
        if table.name not in _LOGS:
            same_rows(a, b, table)
    for table in (CHANNELS, FEATURES):
        equal_rows(counting(a, table), counting(b, table), table)
    ours, theirs = kept(a), kept(b)
    assert ours == theirs, f"beside the tables: {sorted(set(ours.items()) ^ set(theirs.items()))}"


def counting(store: TableStore, table: Table) -> list[dict[str, Any]]:
    """Rows of channels or features that count: of each recording those of its newest file of `channels`, and the
    vectors which the same task of the same run wrote."""
    newest: dict[tuple[Any, ...], str] = {}
    for key in store.files(CHANNELS):
        for row in store.read(key).to_pylist():
            newest[_extraction(row)] = key  # files come sorted
    found = []
    for key in store.files(table):
        beside = key.replace(f"{table.name}/", f"{CHANNELS.name}/", 1)
        found += [row for row in store.read(key).to_pylist() if newest.get(_extraction(row)) == beside]
    return found


def kept(store: TableStore) -> dict[str, str]:
    """What stands beside the tables, by key: digests of inputs, profiles, numbers of buckets, marks of moved dates."""
    keys = [info.key for info in store.storage.list()]
    texts = {key: store.storage.read(key).decode() for key in keys if key.endswith(_KEPT)}
    plain = {key: json.dumps(json.loads(text), sort_keys=True) for key, text in texts.items()}
    return {**plain, **{key: "moved" for key in keys if key.startswith("_moved/")}}


def _extraction(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _EXTRACTION)
