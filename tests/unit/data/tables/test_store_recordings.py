"""Reading features piece by piece: a recording is never cut, however the file is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import features_schema
from ser_core.data.tables.store import TableStore
from ser_core.errors import ObjectMissingError
from tests.support.s3 import storage_settings

SCHEMA = features_schema(3)
KEY = "features/run-00000.parquet"


def features(ids: list[str]) -> pa.Table:
    """A row for each of `ids`, its vector telling which."""
    columns = {name: pa.nulls(len(ids), SCHEMA.field(name).type) for name in SCHEMA.names}
    flat = np.repeat(np.arange(len(ids), dtype=np.float32), 3) + np.float32(1e-7)
    columns |= {"recording_id": pa.array(ids), "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat), 3)}
    return pa.table(columns).cast(SCHEMA)


@given(
    lengths=st.lists(st.integers(1, 7), max_size=12),
    group_rows=st.integers(1, 9),
)
def test_pieces_hold_whole_recordings_and_all_of_them(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], group_rows: int
) -> None:
    store = TableStore(open_storage(str(tmp_path_factory.mktemp("tables")), storage_settings()))
    table = features([f"r{number}" for number, length in enumerate(lengths) for _ in range(length)])
    with store.stream(KEY, SCHEMA) as writer:
        writer.write_table(table, row_group_size=group_rows)
    columns = ("recording_id", "vector")
    pieces = [piece for piece in store.recordings(KEY, columns) if len(piece)]
    seen: set[str] = set()
    for piece in pieces:
        ids = set(piece.column("recording_id").to_pylist())
        assert not ids & seen
        seen |= ids
    assert pa.concat_tables([table.select(columns).slice(0, 0), *pieces]).equals(table.select(columns))
    assert all(len(piece) < group_rows + max(lengths) for piece in pieces)


def test_vectors_come_back_bit_by_bit(tmp_path: Path) -> None:
    store = TableStore(open_storage(str(tmp_path), storage_settings()))
    X = np.random.default_rng(0).standard_normal((2000, 3)).astype(np.float32)
    vector = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 3)
    table = features(["r"] * len(X)).set_column(SCHEMA.get_field_index("vector"), SCHEMA.field("vector"), vector)
    with store.stream(KEY, SCHEMA) as writer:
        writer.write_table(table)
    assert store.read(KEY).equals(table)
    group = pq.read_metadata(pa.BufferReader(store.storage.read(KEY))).row_group(0)
    encodings = {group.column(n).path_in_schema: set(group.column(n).encodings) for n in range(group.num_columns)}
    assert encodings["vector.list.element"] <= {"PLAIN", "RLE"}  # which every engine reads


def test_a_file_that_is_not_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissingError):
        list(TableStore(open_storage(str(tmp_path), storage_settings())).recordings(KEY, ["recording_id"]))
