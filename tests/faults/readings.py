"""Two roots of tables, compared as their readers take them."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ser_core.data.storage import Storage
from ser_core.data.tables.schemas import CHANNELS, DATES, FEATURES, TABLES, Table
from ser_core.data.tables.store import STATE, TableStore
from ser_core.learning.training.bundle import list_bundles, load_model, read_bundle, resolve
from tests.support.pipeline import equal_rows, same_rows

_LOGS = ("channels", "features", "runs")
_EXTRACTION = ("recording_id", "version", "feature_set", "condition")
_OF_A_NIGHT = ("published_at", "published_by", "held_by", "held_since", "listed_at")
_KEPT = re.compile(f"{STATE}(inputs/|profiles/|tables/|moves/|identity|layout|may_move|moving)")
_TOLERANCE = 1e-5
_DIGEST = re.compile(r"(\d+)-[0-9a-f]{24}")


def same_readings(a: TableStore, b: TableStore) -> None:
    """Fails unless a reader finds the same in both, but for names and times of runs: all rows of derived tables,
    quarantine and labels, of extractions those that count, and what is kept beside the dates."""
    for table in TABLES.values():
        if table.name not in _LOGS:
            same_rows(a, b, table, _OF_A_NIGHT if table is DATES else ())
    for table in (CHANNELS, FEATURES):
        equal_rows(counting(a, table), counting(b, table), table)
    ours, theirs = kept(a), kept(b)
    assert ours == theirs, f"beside the tables: {sorted(set(ours.items()) ^ set(theirs.items()))}"


def same_models(a: Storage, b: Storage) -> None:
    """Fails unless the promoted model of both gives the same posteriors, and every version listed can be loaded."""
    posteriors = []
    for storage in (a, b):
        for version in list_bundles(storage, "emotions"):
            load_model(read_bundle(storage, version))
        model = load_model(read_bundle(storage, resolve(storage, "emotions", "current")))
        rows = np.random.default_rng(0).normal(size=(20, len(model.feature_names)))
        posteriors.append(model.posteriors(rows, np.zeros(20, dtype=np.int64)))
    assert np.allclose(*posteriors, atol=_TOLERANCE), "the models differ"


def counting(store: TableStore, table: Table) -> list[dict[str, Any]]:
    """Rows of channels or features that count: of each recording those of its newest file of `channels`, and the
    vectors which the same task of the same run wrote."""
    newest: dict[tuple[Any, ...], str] = {}
    for key in sorted(store.files(CHANNELS), key=_name):
        for row in store.read(key).to_pylist():
            newest[(*_extraction(row), key.rpartition("/")[0])] = key
    found = []
    for key in store.files(table):
        beside = key.replace(f"{table.name}/", f"{CHANNELS.name}/", 1)
        place = beside.rpartition("/")[0]
        found += [row for row in store.read(key).to_pylist() if newest.get((*_extraction(row), place)) == beside]
    return found


def kept(store: TableStore) -> dict[str, str]:
    """What is beside the tables, by key: digests of inputs, profiles, numbers of buckets, marks of moved dates.

    Of a digest only the number of its rows: it has the names of runs in it.
    """
    keys = [info.key for info in store.storage.list(STATE) if _KEPT.match(info.key)]
    return {key: _plain(key, store.storage.read(key).decode()) for key in keys}


def _plain(key: str, text: str) -> str:
    if key.startswith(f"{STATE}moves/"):  # a random mark
        return "moved"
    return _DIGEST.sub(r"\1 rows", json.dumps(json.loads(text), sort_keys=True))


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _extraction(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _EXTRACTION)
