from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.schemas import CALL_EMOTIONS, DATES, FEATURES, RUNS, TABLES, features_schema
from ser_core.data.tables.store import TableStore, bucket_key, log_key, rows
from ser_core.errors import ObjectMissingError, QueryError
from tests.support.s3 import storage_settings

DAY = dt.date(2026, 11, 21)
Published = Mapping[dt.date, Sequence[str]]


def run_key(name: str) -> str:
    return f"runs/month=2026-11/{name}.parquet"


def fill(store: TableStore) -> None:
    for number in range(2):
        store.write(run_key(f"run{number}"), rows(RUNS.schema, [{"run_id": f"run{number}", "job": "score"}]))
    publish(store, {DAY: ("emotions/1", "emotions/2")})


def publish(store: TableStore, published: Published) -> None:
    """A call a date and model, and the rows of `dates`; the last model of a date is the last to publish it."""
    for date, versions in published.items():
        for version in versions:
            row = {"call_id": f"c-{date.day}", "role": "customer", "dominant_emotion": _EMOTION[version]}
            key = bucket_key(CALL_EMOTIONS, {"model_version": version, "call_date": date}, 0)
            store.write(key, rows(CALL_EMOTIONS.schema, [row]))
    noted = [
        {"call_date": date, "models": list(given), "model_version": given[-1]} for date, given in published.items()
    ]
    store.write("dates/dates.parquet", rows(DATES.schema, noted))


_EMOTION = {"emotions/1": "sad", "emotions/2": "happy", "emotions/3": "angry"}


@pytest.fixture
def folder(tmp_path: Path) -> TableStore:
    store = TableStore(open_storage(str(tmp_path / "tables"), load_settings(environ={}).storage))
    fill(store)
    (tmp_path / "tables" / "runs" / "month=2026-11" / "_unfinished").write_bytes(b"PAR1")
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


@pytest.mark.parametrize(
    ("promoted", "expected"),
    [
        ("emotions/2", ["sad", "happy", "happy"]),
        ("emotions/1", ["sad", "sad", "happy"]),
        ("emotions/3", ["sad", "happy", "happy"]),  # nothing is blank before it has scored
        (None, ["sad", "happy", "happy"]),
    ],
)
def test_where_the_promoted_model_has_no_rows_the_last_published_ones_stay(
    anywhere: TableStore, promoted: str | None, expected: list[str]
) -> None:
    days = [DAY + dt.timedelta(number) for number in range(3)]
    given = (("emotions/1",), ("emotions/1", "emotions/2"), ("emotions/2",))
    publish(anywhere, dict(zip(days, given, strict=True)))
    sql = "SELECT call_date, model_version, dominant_emotion FROM current_call_emotions ORDER BY call_date"
    rows = values(catalog(anywhere, promoted), sql)
    assert [row[0] for row in rows] == days
    assert [row[2] for row in rows] == expected
    assert all(_EMOTION[version] == emotion for _, version, emotion in rows)


def test_rows_of_a_run_that_has_not_published_are_not_current(folder: TableStore) -> None:
    unfinished = bucket_key(CALL_EMOTIONS, {"model_version": "emotions/3", "call_date": DAY}, 0)
    folder.write(unfinished, rows(CALL_EMOTIONS.schema, [{"call_id": "c1", "dominant_emotion": "angry"}]))
    sql = "SELECT dominant_emotion FROM current_call_emotions"
    assert values(catalog(folder, "emotions/3"), sql) == [("happy",)]


def test_columns_of_the_path_have_their_types(anywhere: TableStore) -> None:
    publish(anywhere, {DAY: ("emotions/1",)})
    anywhere.write(run_key("run0"), rows(RUNS.schema, [{"run_id": "run0"}]))
    tables = catalog(anywhere)
    assert values(tables, "SELECT call_date, model_version FROM call_emotions") == [(DAY, "emotions/1")]
    assert values(tables, "SELECT month FROM runs") == [("2026-11",)]
    assert values(tables, "SELECT count(*) FROM call_emotions WHERE call_date = '2026-11-21'") == [(1,)]
    assert values(tables, "SELECT typeof(call_date) FROM call_emotions") == [("DATE",)]


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
    ("sql", "opened"),
    [
        ("SELECT count(*) FROM call_emotions", 6),
        ("SELECT count(*) FROM call_emotions WHERE call_date = '2026-11-23'", 2),
        ("SELECT count(*) FROM call_emotions WHERE call_date > '2026-11-21'", 4),
        ("SELECT count(*) FROM call_emotions WHERE call_date IN ('2026-11-22', '2026-11-23')", 4),
        ("SELECT count(*) FROM call_emotions WHERE year(call_date) = 2025", 0),
        ("SELECT count(*) FROM call_emotions WHERE model_version = 'm/1'", 0),
        ("SELECT count(*) FROM current_call_emotions", 3),
        ("SELECT count(*) FROM current_call_emotions WHERE call_date = '2026-11-23'", 1),
    ],
)
def test_only_files_of_the_dates_are_opened_and_listed(
    anywhere: TableStore, sql: str, opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(anywhere, {DAY + dt.timedelta(days): ("emotions/1", "emotions/2") for days in range(3)})
    seen = watched(anywhere, monkeypatch)
    assert values(catalog(anywhere), sql) == [(opened,)]
    assert len([key for key in seen.opened if key.startswith("call_emotions/")]) == opened
    assert len([prefix for prefix in seen.listed if prefix.startswith("call_emotions/")]) == opened


def test_a_query_of_one_date_costs_the_same_at_any_age(anywhere: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def requests(days: int) -> int:
        published = {DAY - dt.timedelta(days=number): ("emotions/1",) for number in range(days)}
        publish(anywhere, published)
        with monkeypatch.context() as patch:
            seen = watched(anywhere, patch)
            sql = f"SELECT count(*) FROM current_call_emotions WHERE call_date = DATE '{DAY}'"
            assert values(catalog(anywhere), sql) == [(1,)]
            return sum(map(len, seen))

    assert requests(2) == requests(120)


class Seen(NamedTuple):
    """Requests: keys that were opened, prefixes that were listed whole, and listings of one level."""

    opened: list[str]
    listed: list[str]
    children: list[str]


def watched(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What is asked of the storage; a folder's files are opened by Arrow, which is told their paths."""
    seen = Seen([], [], [])
    storage = store.storage
    for name, into in (("open_ranges", seen.opened), ("list", seen.listed), ("children", seen.children)):
        whole = getattr(storage, name)
        monkeypatch.setattr(storage, name, partial(_noted, whole, into))
    local = storage.local_path
    monkeypatch.setattr(storage, "local_path", lambda key: _noted_path(local, seen.opened, key))
    return seen


def _noted(whole: Any, into: list[str], key: str = "", *more: Any, **named: Any) -> Any:
    into.append(key)
    return whole(key, *more, **named)


def _noted_path(local: Any, into: list[str], key: str) -> Any:
    path = local(key)
    into.extend([] if path is None else [key])
    return path


def test_row_groups_without_rows_of_the_filter_are_skipped(on_s3: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [{"run_id": f"many{number:03}", "job": "ingest"} for number in range(100)]
    with on_s3.stream(run_key("many"), RUNS.file_schema) as writer:
        writer.write_table(rows(RUNS.file_schema, ids), row_group_size=10)
    groups: list[int] = []
    read = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda file, group, *a, **k: groups.append(group) or read(file, group, *a, **k),
    )
    assert values(catalog(on_s3), "SELECT job FROM runs WHERE run_id = 'many042'") == [("ingest",)]
    assert groups == [4]


def test_an_error_of_the_storage_is_raised_as_it_is(on_s3: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = catalog(on_s3)
    listed = on_s3.files
    monkeypatch.setattr(on_s3, "files", lambda *given: [*listed(*given), run_key("run9")])  # deleted since
    for _ in range(2):
        with pytest.raises(ObjectMissingError, match=r"s3://.*run9.*: not there \(.*\): was it moved"):
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
        store.write(log_key(FEATURES, "run", number, call_date=DAY), rows(features_schema(dimension), [row]))
    lengths = values(Catalog(store, None), "SELECT recording_id, len(vector) FROM features ORDER BY 1")
    assert lengths == [("r0", 2), ("r1", 3)]
