"""A new root gets its layout; one of another layout is left alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ser_core.data.tables.layout import check_layout, fit_features, has_tables, no_rows_key
from ser_core.data.tables.schemas import CHANNELS, FEATURES, TABLES
from ser_core.data.tables.store import TableStore
from ser_core.errors import SettingsError
from tests.support.tables import StopError, Stopping, everything, fill


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(Stopping(tmp_path / "tables"))


def test_every_table_of_a_new_root_can_be_read(store: TableStore) -> None:
    assert not has_tables(store)
    check_layout(store)
    assert has_tables(store)
    for table in TABLES.values():
        rows = pq.read_table(pa.BufferReader(store.storage.read(no_rows_key(table))))
        assert (len(rows), rows.schema.names) == (0, table.file_schema.names)


def test_a_second_time_writes_nothing(store: TableStore) -> None:
    check_layout(store)
    fill(store)
    before = everything(store.storage)
    check_layout(store)
    assert everything(store.storage) == before


def test_stopped_anywhere_it_is_done_by_the_next_run(tmp_path: Path) -> None:
    for step in range(len(TABLES)):
        store = TableStore(Stopping(tmp_path / str(step), stop_at=step))
        with pytest.raises(StopError):
            check_layout(store)
        assert isinstance(store.storage, Stopping)
        store.storage.stop_at = None
        check_layout(store)
        assert all(store.storage.exists(no_rows_key(table)) for table in TABLES.values())


@pytest.mark.parametrize("key", ["channels/run-00000.parquet", "recordings/_table.json"])
def test_tables_of_another_layout_are_left_alone(store: TableStore, key: str) -> None:
    store.storage.put(key, b"old")
    with pytest.raises(SettingsError, match=r"another layout than 2.*nothing has been changed"):
        check_layout(store)
    assert [info.key for info in store.storage.list()] == [key]


def test_the_file_without_vectors_has_vectors_of_the_size_of_the_others(store: TableStore) -> None:
    check_layout(store)
    for dimension in (180, 180, 2632):
        assert isinstance(store.storage, Stopping)
        changes = store.storage.changes
        fit_features(store, dimension)
        schema = pq.read_schema(pa.BufferReader(store.storage.read(no_rows_key(FEATURES))))
        assert schema.field("vector").type.list_size == dimension
    assert store.storage.changes == changes + 1
    assert store.files(FEATURES) == store.files(CHANNELS) == []
