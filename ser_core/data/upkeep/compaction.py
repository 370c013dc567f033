"""Joins the small files of one call date in the log tables, and drops rows that no reader uses any more.

It is safe to stop at any step. New files are written before old ones are deleted, and `features` before `channels`:
every recording always has a `channels` file that counts, with its `features` file. In between, rows are in two files:
readers take each recording from the newest file, a plain glob sees it twice. Values do not change, and rows keep their
run_id.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ser_core.config.base import MB
from ser_core.config.privacy_settings import MaintainSettings
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, RECORDINGS, features_schema
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.extraction_pairs import Pair, groups, read_pairs
from ser_core.data.upkeep.old_refusals import join_refusals
from ser_core.data.upkeep.rewrite import rewrite, row_keys, rows_in, schema_of
from ser_core.errors import SerError

COMPACTED = pa.schema(
    [
        ("call_date", pa.date32()),
        ("table", pa.string()),
        *((name, pa.int64()) for name in ("files_before", "files_after", "rows_dropped")),
    ]
)
"""A row a table whose files of a date have changed."""

_VERSION = ("recording_id", "version")
_FEW_FILES = 4


@dataclass(frozen=True)
class Compaction:
    """Called once a call date that no job is working on; gives rows of `COMPACTED`. Picklable.

    Dropped are rows of recordings that the date has no more, of their earlier versions, and of extractions that a newer
    file replaces; and refusals older than `maintain.quarantine_days` that a later one replaces.

    Attributes:
        store: the tables. The caller holds the lease.
        settings: sizes and days.
        now: the moment from which days are counted.
        keep_feature_sets: ids; the rows of all others are dropped too, unless None.
    """

    store: TableStore
    settings: MaintainSettings
    now: dt.datetime
    keep_feature_sets: frozenset[str] | None = None

    def __call__(self, date: dt.date) -> pa.Table:
        """Compacts a date. A second time changes nothing."""
        current = self._current(date)
        if current is None:  # without `recordings` it cannot be said what counts
            return COMPACTED.empty_table()
        limit = self.now - dt.timedelta(days=self.settings.quarantine_days)
        found = [
            *self._join_extracted(date, current),
            join_refusals(self.store, date, current, limit),
        ]
        changed = [row for row in found if row["rows_dropped"] or row["files_before"] != row["files_after"]]
        return pa.Table.from_pylist([{"call_date": date, **row} for row in changed], schema=COMPACTED)

    def is_worth(self, date: dt.date) -> bool:
        """Whether a table of the date has more than a few small files. Three listings, and nothing is read."""
        sizes: dict[str, int] = defaultdict(int)
        for table in (CHANNELS, FEATURES, QUARANTINE):
            for info in self.store.storage.list(f"{table.name}/call_date={date}/"):
                sizes[info.key if table is QUARANTINE else info.key.partition("/")[2]] += info.size_bytes
        small = Counter(key.startswith(QUARANTINE.name) for key, size in sizes.items() if size < self._target / 2)
        return any(count > _FEW_FILES for count in small.values())

    @property
    def _target(self) -> int:
        return int(self.settings.target_mb * MB)

    def _current(self, date: dt.date) -> pa.Array | None:
        """Keys of the current versions of the date's recordings."""
        files = self.store.files_of(RECORDINGS, call_date=date)
        keys = [row_keys(self.store.read(key, _VERSION), _VERSION) for key in files]
        return pa.chunked_array(keys, pa.string()).combine_chunks() if keys else None

    def _join_extracted(self, date: dt.date, current: pa.Array) -> list[Mapping[str, Any]]:
        """Joins pairs of files of `channels` and `features`."""
        before = {table.name: self.store.files_of(table, call_date=date) for table in (CHANNELS, FEATURES)}
        if not any(before.values()):
            return []
        dropped = dict.fromkeys(before, 0)
        pairs = read_pairs(self.store, date, current, self.keep_feature_sets)
        dropped[CHANNELS.name] = sum(pair.dropped for pair in pairs)
        unused = [pair for pair in pairs if not len(pair.keys)]
        orphans = set(before[FEATURES.name]) - {pair.features for pair in pairs}  # of killed runs
        dropped[FEATURES.name] += self._delete(unused, orphans)
        last = max(key.rpartition("/")[2] for keys in before.values() for key in keys).removesuffix(".parquet")
        used = [pair for pair in pairs if len(pair.keys)]
        for number, group in enumerate(groups(used, self._target), start=1):
            name = f"call_date={date}/{last}c{number:04d}.parquet"  # sorts after every name there is
            written = self._write(group, name)
            dropped[FEATURES.name] += self._delete(group, ()) - written
        after = {table.name: len(self.store.files_of(table, call_date=date)) for table in (CHANNELS, FEATURES)}
        return [
            {"table": name, "files_before": len(keys), "files_after": after[name], "rows_dropped": dropped[name]}
            for name, keys in before.items()
        ]

    def _write(self, group: list[Pair], name: str) -> int:
        """Writes one pair of files from several; the number of rows of `features`."""
        written = 0
        sources = [(pair.features, pair.counts) for pair in group if pair.features is not None]
        if sources:
            schema = features_schema(schema_of(self.store, sources[0][0]).field("vector").type.list_size)
            written = rewrite(self.store, f"{FEATURES.name}/{name}", sources, schema)
        channels = [(pair.channels, pair.counts) for pair in group]
        key, expected = f"{CHANNELS.name}/{name}", sum(pair.rows for pair in group)
        kept = rewrite(self.store, key, channels, CHANNELS.file_schema)
        if kept != expected:  # the files that it was made from are there still
            raise SerError(
                f"{self.store.storage.uri_of(key)} has {kept} rows; expected {expected}: nothing was deleted"
            )
        return written

    def _delete(self, pairs: list[Pair], features: set[str] | tuple[()]) -> int:
        """Deletes pairs of files, and files of `features`; the number of rows of `features`."""
        keys = sorted({*features, *(pair.features for pair in pairs if pair.features is not None)})
        rows = sum(rows_in(self.store, key) for key in keys)
        for key in (*(pair.channels for pair in pairs), *keys):
            self.store.delete(key)
        return rows
