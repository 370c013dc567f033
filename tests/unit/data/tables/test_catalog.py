from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ser_core.config import load_settings
from ser_core.config.settings import StorageSettings
from ser_core.data.storage import open_storage
from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.schemas import CALL_EMOTIONS, FEATURES, RUNS, TABLES, features_schema
from ser_core.data.tables.store import TableStore, bucket_key, log_key, rows
from ser_core.errors import QueryError
from tests.support.s3 import storage_settings

DAY = dt.date(2026, 11, 21)


def fill(store: TableStore) -> None:
    for number in range(2):
        store.write(log_key(RUNS, f"run{number}", 0), rows(RUNS.schema, [{"run_id": f"run{number}", "job": "score"}]))
    for version, emotion in (("emotions/1", "sad"), ("emotions/2", "happy")):
        row = {"model_version": version, "call_id": "c1", "role": "customer", "dominant_emotion": emotion}
        key = bucket_key(CALL_EMOTIONS, {"model_version": version, "call_date": DAY}, 0)
        store.write(key, rows(CALL_EMOTIONS.schema, [{**row, "call_date": DAY}]))


@pytest.fixture
def folder(tmp_path: Path) -> TableStore:
    store = TableStore(open_storage(str(tmp_path / "tables"), load_settings(environ={}).storage))
    fill(store)
    (tmp_path / "tables" / "runs" / "_unfinished").write_bytes(b"PAR1")
    (tmp_path / "secret.csv").write_text("password\nhunter2\n")
    return store


def catalog(store: TableStore, model_version: str | None = "emotions/2") -> Catalog:
    return Catalog(store, load_settings(environ={}).storage, model_version)


def values(found: Catalog, sql: str) -> list[Any]:
    return [tuple(row.values()) for row in found.query(sql).to_pylist()]


def test_every_table_is_a_view_even_without_files(folder: TableStore) -> None:
    found = catalog(folder)
    for name, table in TABLES.items():
        assert set(table.schema.names) <= set(found.query(f"SELECT * FROM {name}").column_names), name
    assert values(found, "SELECT count(*) FROM runs") == [(2,)]
    assert values(found, "SELECT count(*) FROM quarantine") == [(0,)]


def test_current_is_the_promoted_model(folder: TableStore) -> None:
    sql = "SELECT dominant_emotion FROM current_call_emotions"
    assert values(catalog(folder), sql) == [("happy",)]
    assert values(catalog(folder, "emotions/1"), sql) == [("sad",)]
    assert values(catalog(folder, None), sql) == []


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW runs",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; SELECT 2",
        "",
        "COPY (SELECT 1) TO '{root}/out.csv'",
        "SELECT * FROM read_csv('{root}/../secret.csv')",
        "SELECT * FROM '{root}/../secret.csv'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "ATTACH '{root}/x.db'",
        "SELECT * FROM nowhere",
    ],
)
def test_what_does_not_read_the_tables_is_refused(folder: TableStore, sql: str) -> None:
    with pytest.raises(QueryError):
        catalog(folder).query(sql.format(root=folder.storage.uri))
    assert not Path(folder.storage.uri, "out.csv").exists()


def test_sizes(folder: TableStore) -> None:
    sizes = {one["table"]: one for one in catalog(folder).sizes()}
    assert (sizes["runs"]["rows"], sizes["runs"]["files"]) == (2, 2)
    assert sizes["features"]["rows"] == 0


def test_tables_on_s3(s3_server: str, s3_bucket: str) -> None:
    settings = storage_settings(s3_server)
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", settings))
    fill(store)
    found = Catalog(store, settings, "emotions/2")
    assert values(found, "SELECT dominant_emotion FROM current_call_emotions") == [("happy",)]
    assert values(found, "SELECT count(*) FROM runs") == [(2,)]


@pytest.fixture(params=["folder", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[TableStore, StorageSettings]:
    if request.param == "folder":
        settings = load_settings(environ={}).storage
        return TableStore(open_storage(str(tmp_path), settings)), settings
    settings = storage_settings(request.getfixturevalue("s3_server"))
    return TableStore(open_storage(f"s3://{request.getfixturevalue('s3_bucket')}/tables", settings)), settings


def test_files_older_than_a_column_have_it_as_null(anywhere: tuple[TableStore, StorageSettings]) -> None:
    store, settings = anywhere
    old = CALL_EMOTIONS.schema.remove(CALL_EMOTIONS.schema.get_field_index("undecided_s"))
    row = {"model_version": "m/1", "call_id": "c1", "role": "customer", "call_date": DAY}
    store.write(bucket_key(CALL_EMOTIONS, {"model_version": "m/1", "call_date": DAY}, 0), rows(old, [row]))
    only_old = "SELECT call_id, undecided_s FROM call_emotions ORDER BY call_id"
    assert values(Catalog(store, settings, None), only_old) == [("c1", None)]
    new = [{**row, "call_id": "c2", "undecided_s": 1.5}]
    store.write(
        bucket_key(CALL_EMOTIONS, {"model_version": "m/1", "call_date": DAY}, 1), rows(CALL_EMOTIONS.schema, new)
    )
    assert values(Catalog(store, settings, None), only_old) == [("c1", None), ("c2", 1.5)]


def test_vectors_of_several_feature_sets(anywhere: tuple[TableStore, StorageSettings]) -> None:
    store, settings = anywhere
    for number, dimension in enumerate((2, 3)):
        row = {"recording_id": f"r{number}", "vector": [0.5] * dimension}
        store.write(log_key(FEATURES, "run", number), rows(features_schema(dimension), [row]))
    found = values(Catalog(store, settings, None), "SELECT recording_id, len(vector) FROM features ORDER BY 1")
    assert found == [("r0", 2), ("r1", 3)]
