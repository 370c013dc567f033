"""The files that one extraction task writes: of each call date one of `features`, `channels` and `quarantine`."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ser_core.config.base import MB
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, SCHEMA_VERSION, Table, features_schema
from ser_core.data.tables.store import TableStore, log_key, rows
from ser_core.sound.extraction import ChannelFeatures

_FLUSH_MB = 4  # vectors held before they are written to the task's local files, as row groups

Row = Mapping[str, Any]


class ExtractedFiles:
    """Takes the rows of a task's recordings. Each file appears whole or not at all, `features` before `channels`.

    Args:
        store: the tables.
        run_id: of the run.
        task: number of the task.
        attempt: at the task: two attempts never write the same file.
        dimension: of the vectors.
    """

    def __init__(self, store: TableStore, run_id: str, task: int, attempt: int, dimension: int) -> None:
        self._store, self._name = store, (run_id, task, attempt)
        self._schema = features_schema(dimension)
        self._held_rows = _FLUSH_MB * MB // (4 * dimension)
        self._channels: dict[dt.date, list[Row]] = defaultdict(list)
        self._refusals: dict[dt.date, list[Row]] = defaultdict(list)
        self._pending: dict[dt.date, list[pa.Table]] = defaultdict(list)
        self._writers: dict[dt.date, pq.ParquetWriter] = {}
        self._open = ExitStack()

    def __enter__(self) -> ExtractedFiles:
        self._open.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._flush()
        self._open.__exit__(*error)  # writes the files of features
        if error[0] is None:
            for table, by_date in ((CHANNELS, self._channels), (QUARANTINE, self._refusals)):
                for date, members in by_date.items():
                    self._store.write(self._key(table, date), rows(table.schema, members))

    def add_channel(self, row: Row, channel: ChannelFeatures) -> None:
        """A row of `channels` and its vectors."""
        self._channels[row["call_date"]].append(row)
        if len(channel.start_s):
            self._pending[row["call_date"]].append(_vectors(row, channel, self._schema))
            if sum(len(table) for tables in self._pending.values() for table in tables) >= self._held_rows:
                self._flush()

    def add_refusal(self, row: Row) -> None:
        """A row of `quarantine`."""
        self._refusals[row["call_date"]].append(row)

    @property
    def reasons(self) -> list[str]:
        """The reasons of all refusals."""
        return [row["reason"] for members in self._refusals.values() for row in members]

    @property
    def audio_s(self) -> float:
        """Seconds of all channels."""
        return float(sum(row["duration_s"] for members in self._channels.values() for row in members))

    def _flush(self) -> None:
        for date, tables in self._pending.items():
            if date not in self._writers:
                stream = self._store.stream(self._key(FEATURES, date), self._schema)
                self._writers[date] = self._open.enter_context(stream)
            self._writers[date].write_table(pa.concat_tables(tables))
        self._pending.clear()

    def _key(self, table: Table, date: dt.date) -> str:
        return log_key(table, *self._name, call_date=date)


def _vectors(row: Row, channel: ChannelFeatures, schema: pa.Schema) -> pa.Table:
    count = len(channel.start_s)
    flat = pa.array(np.ascontiguousarray(channel.vectors, dtype=np.float32).ravel())
    columns: dict[str, Any] = {
        "segment_no": np.arange(count, dtype=np.int32),
        "start_s": channel.start_s,
        "end_s": channel.end_s,
        "loudness_dbfs": channel.segment_loudness_dbfs,
        "vector": pa.FixedSizeListArray.from_arrays(flat, channel.vectors.shape[1]),
        "schema_version": np.full(count, SCHEMA_VERSION, dtype=np.int32),
    }
    columns |= {name: pa.array([row[name]] * count) for name in schema.names if name not in columns}
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)
