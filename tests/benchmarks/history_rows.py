"""Rows of many calls from the rows of a few: copies under the names that an archive of so many calls has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.data.archive.identity import recording_id
from ser_core.data.storage import ObjectInfo
from ser_core.data.tables.schemas import Table
from ser_core.data.tables.store import bucket_of

Places = npt.NDArray[np.intp]

_NOON = dt.time(12, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Call:
    """A call of the real night: name of its agent, and size and row of its recording."""

    agent_id: str
    size_bytes: int


@dataclass(frozen=True)
class Day:
    """The names of all calls of one date; call n is a copy of call n modulo their number.

    Attributes:
        date: the call date.
        count: of calls.
        calls: of the real night.
        archive_name: `archive.name`, part of every recording_id.
        archive: uri of the archive.
    """

    date: dt.date
    count: int
    calls: Sequence[Call]
    archive_name: str
    archive: str

    @cached_property
    def call_ids(self) -> list[str]:
        """Ids, each with its date."""
        return [f"{self.date:%Y%m%d}-{number:05d}" for number in range(self.count)]

    @cached_property
    def keys(self) -> list[str]:
        """Keys of the recordings below the archive, as `tests.support.pipeline.PATTERN` has them."""
        folder = f"{self.date:%Y/%m/%d}"
        return [f"{folder}/{name}_{self._call(n).agent_id}.wav" for n, name in enumerate(self.call_ids)]

    @property
    def modified_at(self) -> dt.datetime:
        """When the recordings were written."""
        return dt.datetime.combine(self.date, _NOON)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Key and size of every recording."""
        for number, key in enumerate(self.keys):
            yield key, self._call(number).size_bytes

    def buckets(self, count: int) -> Places:
        """The bucket of each call, (n,)."""
        return np.array([bucket_of(name, count) for name in self.call_ids])

    @cached_property
    def columns(self) -> Mapping[str, pa.Array]:
        """The columns by which copies differ, a value a call."""
        version = [ObjectInfo("", call.size_bytes, self.modified_at, None).version for call in self.calls]
        return {
            "call_id": pa.array(self.call_ids),
            "recording_id": pa.array([recording_id(self.archive_name, key) for key in self.keys]),
            "uri": pa.array([f"{self.archive}/{key}" for key in self.keys]),
            "version": pa.array([version[n % len(version)] for n in range(self.count)]),
            "modified_at": pa.array([self.modified_at] * self.count, pa.timestamp("us", tz="UTC")),
        }

    def _call(self, number: int) -> Call:
        return self.calls[number % len(self.calls)]


@dataclass(frozen=True)
class Copies:
    """Rows of one table for many calls.

    Attributes:
        table: which.
        rows: in the order of their calls, with the names of the real night.
        call: the number of each row's call, (n,).
    """

    table: Table
    rows: pa.Table
    call: Places

    @classmethod
    def of(cls, table: Table, rows: pa.Table, call: Places, calls: int, count: int) -> Copies:
        """The rows of `count` calls, from `rows` of `calls`, whose numbers are `call`."""
        own = [np.flatnonzero(call == number) for number in range(calls)]
        places = np.concatenate([own[number % calls] for number in range(count)])
        numbers = np.repeat(np.arange(count), [len(own[number % calls]) for number in range(count)])
        return cls(table, rows.take(pa.array(places)).combine_chunks(), numbers)

    def named(self, day: Day, run_id: str, mask: Places | None = None) -> pa.Table:
        """The rows under the names of a day; of them those at the places `mask`."""
        rows, call = self.rows, self.call
        if mask is not None:
            rows, call = rows.take(pa.array(mask)), call[mask]
        for name, values in day.columns.items():
            if name in rows.column_names:
                rows = _with(rows, name, values.take(pa.array(call)))
        if "run_id" in rows.column_names:
            rows = _with(rows, "run_id", pa.array([run_id] * len(rows), pa.string()))
        return rows.drop_columns([name for name in self.table.partitions if name in rows.column_names])

    def by(self, group: Places, count: int, most: int | None) -> Iterator[tuple[int, Places]]:
        """Places of the rows of each of `count` groups, where `group` has that of each call; of each `most` rows."""
        of_row = group[self.call]
        order = np.argsort(of_row, kind="stable")
        edges = np.searchsorted(of_row[order], np.arange(count + 1))
        for number in range(count):
            yield number, order[edges[number] : edges[number + 1]][:most]


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, rows.schema.field(name), values.cast(rows.schema.field(name).type))
