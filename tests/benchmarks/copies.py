"""Copies of the features of a small archive, for benchmarks of scoring without hours of extraction."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CHANNELS, FEATURES, RECORDINGS, features_schema
from ser_core.data.tables.store import TableStore, bucket_key, bucket_of, log_key

_FILE_ROWS = 16_000
_GROUP_ROWS = 400


def copied(settings: Settings, root: Path, segments: int) -> Settings:
    """Settings of tables below `root` with copies of the extracted recordings of `settings`, about `segments` in all.

    Every copy is a call of its own, in files as the extract job writes them.
    """
    source = _store(settings)
    features, channels, recordings = (
        pa.concat_tables([source.read(key) for key in source.files(table)])
        for table in (FEATURES, CHANNELS, RECORDINGS)
    )
    dates = pc.unique(recordings.column("call_date")).to_pylist()
    shutil.rmtree(root, ignore_errors=True)
    made = settings.model_copy(update={"tables": settings.tables.model_copy(update={"uri": str(root / "tables")})})
    store = _store(made)
    times, a_file = max(1, round(segments / len(features))), max(1, _FILE_ROWS // len(features))
    for first in range(0, times, a_file):
        numbers = range(first, min(first + a_file, times))
        for date in dates:
            own, rows = (table.filter(pc.equal(table["call_date"], pa.scalar(date))) for table in (features, channels))
            _write_features(store, log_key(FEATURES, "copies", first, call_date=date), own, numbers)
            copies = pa.concat_tables([_renamed(rows, n) for n in numbers])
            store.write(log_key(CHANNELS, "copies", first, call_date=date), copies)
    _write_recordings(store, pa.concat_tables([_renamed(recordings, n) for n in range(times)]), made.tables.buckets)
    return made


def _store(settings: Settings) -> TableStore:
    return TableStore(open_storage(settings.tables.uri, settings.storage))


def _renamed(table: pa.Table, number: int) -> pa.Table:
    for name in {"recording_id", "call_id"} & set(table.column_names):
        ids = pc.binary_join_element_wise(table.column(name), str(number), "-")
        table = table.set_column(table.column_names.index(name), name, ids)
    return table


def _write_features(store: TableStore, key: str, features: pa.Table, numbers: range) -> None:
    """Writes row groups of whole recordings."""
    schema = features_schema(features.schema.field("vector").type.list_size)
    with store.stream(key, schema) as writer:
        for number in numbers:
            table = _renamed(features.drop_columns(["call_date"]), number).combine_chunks()
            ids = table.column("recording_id").combine_chunks()
            edges = [0, *(pc.indices_nonzero(pc.not_equal(ids[1:], ids[:-1])).to_numpy() + 1), len(ids)]
            start = 0
            for edge, after in zip(edges[1:], [*edges[2:], None], strict=True):
                if after is None or after - start > _GROUP_ROWS:
                    writer.write_table(table.slice(start, edge - start).cast(schema))
                    start = edge


def _write_recordings(store: TableStore, recordings: pa.Table, buckets: int) -> None:
    count = store.buckets(RECORDINGS, buckets)
    bucket = pa.array([bucket_of(name, count) for name in recordings.column("call_id").to_pylist()])
    for date in pc.unique(recordings.column("call_date")).to_pylist():
        for number in range(count):
            in_bucket = pc.and_(pc.equal(recordings.column("call_date"), pa.scalar(date)), pc.equal(bucket, number))
            store.write(bucket_key(RECORDINGS, {"call_date": date}, number), recordings.filter(in_bucket))
