"""Tables as files: complete or absent, named once, read by any engine."""

from __future__ import annotations

import datetime as dt
import pickle
import zlib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.data.storage import open_storage
from ser_core.data.storage.lease import held
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.schemas import CALL_EMOTIONS, QUARANTINE, RECORDINGS, RUNS, SCHEMA_VERSION
from ser_core.data.tables.store import TableStore, bucket_key, bucket_of, conform, log_key, partition_path, rows
from ser_core.errors import LeaseLostError, ObjectMissingError
from tests.support.s3 import storage_settings

DAY = dt.date(2026, 3, 2)
REFUSED = {"recording_id": "r", "version": "v", "run_id": "n", "uri": "u", "reason": "empty", "attempt": 1}
REFUSED_ON_DAY = {**REFUSED, "call_date": DAY}
KEY = log_key(QUARANTINE, "n", 0, call_date=DAY)


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(open_storage(str(tmp_path / "tables"), storage_settings()))


def test_a_table_comes_back_as_it_was_written(store: TableStore) -> None:
    written = rows(QUARANTINE.schema, [REFUSED_ON_DAY, {**REFUSED_ON_DAY, "recording_id": "s", "attempt": 2}])
    store.write(KEY, written)
    assert store.files(QUARANTINE) == ["quarantine/call_date=2026-03-02/n-00000-0.parquet"]
    assert store.read(KEY, schema=QUARANTINE.schema).equals(written)
    assert written.column("schema_version").to_pylist() == [SCHEMA_VERSION] * 2


def test_columns_of_the_path_are_not_in_the_file(store: TableStore) -> None:
    store.write(KEY, rows(QUARANTINE.schema, [REFUSED_ON_DAY]))
    assert pq.read_schema(pa.BufferReader(store.storage.read(KEY))).names == QUARANTINE.file_schema.names
    assert store.read(KEY, ["call_date"]).to_pylist() == [{"call_date": DAY}]


def test_columns_and_rows_are_narrowed(store: TableStore) -> None:
    store.write(KEY, rows(QUARANTINE.schema, [REFUSED, {**REFUSED, "attempt": 2}]))
    table = store.read(KEY, ["attempt", "reason"], [("attempt", "=", 2)])
    assert table.to_pylist() == [{"attempt": 2, "reason": "empty"}]


def test_a_column_of_a_newer_schema_reads_as_null(store: TableStore) -> None:
    store.write(KEY, rows(QUARANTINE.schema, [REFUSED]).drop_columns("detail"))
    table = store.read(KEY, ["detail", "reason"], schema=QUARANTINE.schema)
    assert table.to_pylist() == [{"detail": None, "reason": "empty"}]
    assert store.read(KEY, schema=QUARANTINE.schema).schema.equals(QUARANTINE.schema)


def test_a_missing_file_is_said_to_be_missing(store: TableStore) -> None:
    with pytest.raises(ObjectMissingError, match=r"quarantine/none\.parquet"):
        store.read("quarantine/none.parquet")


def test_unfinished_and_foreign_files_are_no_part_of_a_table(store: TableStore, tmp_path: Path) -> None:
    store.write("runs/a.parquet", RUNS.schema.empty_table())
    for name in ("_b.unfinished", "notes.txt", "_tmp/c.tmp"):
        path = tmp_path / "tables" / "runs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert store.files(RUNS) == ["runs/a.parquet"]


def test_a_stream_that_breaks_leaves_nothing(store: TableStore) -> None:
    def broken() -> None:
        with store.stream(KEY, QUARANTINE.schema) as writer:
            writer.write_table(rows(QUARANTINE.schema, [REFUSED]))
            raise KeyError("power")

    with pytest.raises(KeyError):
        broken()
    assert list(store.storage.list()) == []


def test_a_streams_file_appears_at_its_end(store: TableStore) -> None:
    with store.stream(KEY, QUARANTINE.schema) as writer:
        for _ in range(3):
            writer.write_table(rows(QUARANTINE.schema, [REFUSED]))
        assert store.files(QUARANTINE) == []
    assert len(store.read(KEY)) == 3


def test_the_number_of_buckets_is_kept(store: TableStore) -> None:
    assert store.buckets(RECORDINGS, 8) == 8
    assert store.buckets(RECORDINGS, 3) == 8
    assert store.buckets(CALL_EMOTIONS, 3) == 3


def test_partitions_are_found_by_their_values(store: TableStore) -> None:
    values = {"model_version": "my/emotions=1 é", "call_date": DAY}
    store.write(bucket_key(CALL_EMOTIONS, values, 3), CALL_EMOTIONS.schema.empty_table())
    (key,) = store.files(CALL_EMOTIONS)
    assert key == "call_emotions/model_version=my%2Femotions%3D1%20%C3%A9/call_date=2026-03-02/bucket-0003.parquet"
    assert store.partitions(CALL_EMOTIONS) == [{"model_version": "my/emotions=1 é", "call_date": "2026-03-02"}]
    assert store.files(CALL_EMOTIONS, partition_path(CALL_EMOTIONS, values)) == [key]
    assert store.partitions(RECORDINGS) == []


def test_the_file_without_rows_is_no_part_of_a_table(store: TableStore) -> None:
    check_layout(store)
    for table in (RECORDINGS, CALL_EMOTIONS, RUNS):
        assert store.files(table) == []
        assert store.partitions(table) == []


def test_a_glob_in_another_engine_reads_a_derived_table(store: TableStore, tmp_path: Path) -> None:
    for bucket, call in enumerate(("a", "b")):
        table = rows(RECORDINGS.schema, [{"recording_id": call, "call_id": call, "call_date": DAY}])
        store.write(bucket_key(RECORDINGS, {"call_date": DAY}, bucket), table)
    source = f"read_parquet('{tmp_path}/tables/recordings/**/*.parquet', hive_partitioning = true)"
    query = f"SELECT call_id, call_date FROM {source} ORDER BY 1"
    assert duckdb.sql(query).fetchall() == [("a", DAY), ("b", DAY)]


def test_conform_orders_casts_and_fills() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.float32())])
    made = conform(pa.table({"c": pa.array([1.5], pa.float64()), "z": [1], "a": pa.array([2], pa.int8())}), schema)
    assert made.schema.equals(schema)
    assert made.to_pylist() == [{"a": 2, "b": None, "c": 1.5}]


def test_a_store_works_in_another_process(store: TableStore) -> None:
    store.write("runs/a.parquet", RUNS.schema.empty_table())
    assert pickle.loads(pickle.dumps(store)).files(RUNS) == ["runs/a.parquet"]


@given(st.text(st.characters(exclude_categories=("Cs",))), st.integers(1, 4096))
def test_a_bucket_is_a_function_of_the_call(call_id: str, buckets: int) -> None:
    assert bucket_of(call_id, buckets) == zlib.crc32(call_id.encode("utf-8")) % buckets
    assert 0 <= bucket_of(call_id, buckets) < buckets


def test_a_known_bucket() -> None:
    assert bucket_of("123456789", 2**32) == 0xCBF43926  # the check value of CRC-32 (ISO-HDLC)


def test_a_fence_that_is_down_keeps_every_write_out(store: TableStore) -> None:
    schema = pa.schema([("x", pa.int64())])
    with held(store.storage, ("score",), "run-1", "score", 60.0) as fences:
        fenced = TableStore(store.storage, fences["score"])
        fenced.write("runs/a.parquet", pa.table({"x": [1]}))
    stale = pickle.loads(pickle.dumps(fenced))
    with held(store.storage, ("score",), "run-2", "score", 60.0):
        with pytest.raises(LeaseLostError, match="run-2"):
            stale.write("runs/a.parquet", pa.table({"x": [2]}))
        with pytest.raises(LeaseLostError), stale.stream("runs/b.parquet", schema) as writer:
            writer.write_table(pa.table({"x": [2]}))
        with pytest.raises(LeaseLostError):
            stale.put("_state/inputs/x.json", b"{}")
    assert store.read("runs/a.parquet").to_pylist() == [{"x": 1}]
    assert [info.key for info in store.storage.list("runs/")] == ["runs/a.parquet"]
