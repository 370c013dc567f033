from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.schemas import CALL_EMOTIONS, FEATURES, RUNS, TABLES, features_schema
from ser_core.data.tables.store import TableStore, bucket_key, log_key, rows
from ser_core.errors import ObjectMissingError, QueryError
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
    return Catalog(store, model_version)


def values(tables: Catalog, sql: str) -> list[Any]:
    return [tuple(row.values()) for row in tables.query(sql).to_pylist()]


def test_every_table_is_a_view_even_without_files(folder: TableStore) -> None:
    tables = catalog(folder)
    for name, table in TABLES.items():
        assert set(table.schema.names) <= set(tables.query(f"SELECT * FROM {name}").column_names), name
    assert values(tables, "SELECT count(*) FROM runs") == [(2,)]
    assert values(tables, "SELECT count(*) FROM quarantine") == [(0,)]


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
    sizes = {row["table"]: row for row in catalog(folder).sizes()}
    assert (sizes["runs"]["rows"], sizes["runs"]["files"]) == (2, 2)
    assert sizes["features"]["rows"] == 0


@pytest.fixture
def on_s3(s3_server: str, s3_bucket: str) -> TableStore:
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", storage_settings(s3_server)))
    fill(store)
    return store


def test_tables_on_s3(on_s3: TableStore) -> None:
    tables = catalog(on_s3)
    assert values(tables, "SELECT dominant_emotion FROM current_call_emotions") == [("happy",)]
    assert values(tables, "SELECT job FROM runs ORDER BY run_id LIMIT 1") == [("score",)]
    assert values(tables, "SELECT run_id FROM runs WHERE run_id > 'run0'") == [("run1",)]
    assert {row["table"]: row["rows"] for row in tables.sizes()}["runs"] == 2


@pytest.mark.parametrize(
    ("condition", "opened"),
    [("true", 6), ("call_date = '2026-11-23'", 2), ("call_date > '2026-11-21'", 4), ("model_version = 'm/1'", 0)],
)
def test_only_files_of_the_dates_are_opened(
    on_s3: TableStore, condition: str, opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model_version in ("emotions/1", "emotions/2"):
        for days in (1, 2):
            date = DAY + dt.timedelta(days)
            row = {"model_version": model_version, "call_id": f"c{days}", "call_date": date}
            key = bucket_key(CALL_EMOTIONS, {"model_version": model_version, "call_date": date}, 0)
            on_s3.write(key, rows(CALL_EMOTIONS.schema, [row]))
    keys: list[str] = []
    open_ranges = on_s3.storage.open_ranges
    monkeypatch.setattr(on_s3.storage, "open_ranges", lambda key: keys.append(key) or open_ranges(key))
    assert values(catalog(on_s3), f"SELECT count(*) FROM call_emotions WHERE {condition}") == [(opened,)]
    assert len(keys) == opened


def test_row_groups_without_rows_of_the_filter_are_skipped(on_s3: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [{"run_id": f"many{number:03}", "job": "ingest"} for number in range(100)]
    with on_s3.stream(log_key(RUNS, "many", 0), RUNS.schema) as writer:
        writer.write_table(rows(RUNS.schema, ids), row_group_size=10)
    groups: list[int] = []
    read = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda file, group, *a, **k: groups.append(group) or read(file, group, *a, **k),
    )
    assert values(catalog(on_s3), "SELECT job FROM runs WHERE run_id = 'many042'") == [("ingest",)]
    assert groups == [4]


def test_an_error_of_the_storage_is_raised_as_it_is(on_s3: TableStore) -> None:
    tables = catalog(on_s3)
    on_s3.storage.delete(log_key(RUNS, "run0", 0))
    for _ in range(2):
        with pytest.raises(ObjectMissingError, match=r"s3://.*run0.*not there \(404\): was it moved"):
            tables.query("SELECT * FROM runs")
    with pytest.raises(QueryError, match="nowhere"):
        tables.query("SELECT * FROM nowhere")


@pytest.fixture(params=["folder", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> TableStore:
    if request.param == "folder":
        return TableStore(open_storage(str(tmp_path), storage_settings()))
    settings = storage_settings(request.getfixturevalue("s3_server"))
    return TableStore(open_storage(f"s3://{request.getfixturevalue('s3_bucket')}/tables", settings))


def test_files_older_than_a_column_have_it_as_null(anywhere: TableStore) -> None:
    store = anywhere
    old = CALL_EMOTIONS.schema.remove(CALL_EMOTIONS.schema.get_field_index("undecided_s"))
    row = {"model_version": "m/1", "call_id": "c1", "role": "customer", "call_date": DAY}
    store.write(bucket_key(CALL_EMOTIONS, {"model_version": "m/1", "call_date": DAY}, 0), rows(old, [row]))
    only_old = "SELECT call_id, undecided_s FROM call_emotions ORDER BY call_id"
    assert values(Catalog(store, None), only_old) == [("c1", None)]
    new = [{**row, "call_id": "c2", "undecided_s": 1.5}]
    store.write(
        bucket_key(CALL_EMOTIONS, {"model_version": "m/1", "call_date": DAY}, 1), rows(CALL_EMOTIONS.schema, new)
    )
    assert values(Catalog(store, None), only_old) == [("c1", None), ("c2", 1.5)]
    assert values(Catalog(store, None), "SELECT call_id FROM call_emotions WHERE undecided_s > 1") == [("c2",)]


def test_vectors_of_several_feature_sets(anywhere: TableStore) -> None:
    store = anywhere
    for number, dimension in enumerate((2, 3)):
        row = {"recording_id": f"r{number}", "vector": [0.5] * dimension}
        store.write(log_key(FEATURES, "run", number), rows(features_schema(dimension), [row]))
    lengths = values(Catalog(store, None), "SELECT recording_id, len(vector) FROM features ORDER BY 1")
    assert lengths == [("r0", 2), ("r1", 3)]
