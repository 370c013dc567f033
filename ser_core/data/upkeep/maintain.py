"""Joins small files of log tables, and drops rows that no reader uses any more.

It is safe to stop at any step. New files are written before old ones are deleted, and `features` before `channels`:
every recording always has a `channels` file that counts, with its `features` file. In between, rows are in two files:
readers take each recording from the newest file, a plain glob sees it twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config.base import MB
from ser_core.config.privacy_settings import MaintainSettings
from ser_core.data.tables.schemas import CHANNELS, FEATURES, QUARANTINE, RUNS, Table, features_schema
from ser_core.data.tables.store import TableStore, log_key
from ser_core.data.upkeep.current_versions import current_versions, is_current
from ser_core.data.upkeep.newest_extraction import EXTRACTION, batched_by_size, extracted, key_of, stem_of
from ser_core.data.upkeep.rewrite import Keep, rewrite, row_keys, schema_of
from ser_core.errors import SettingsError


@dataclass
class Maintained:
    """Result for a table: files before and after, and rows dropped."""

    table: str
    files_before: int
    files_after: int = 0
    rows_dropped: int = 0


class Maintain:
    """Rewrites files that are small or have superseded rows. A second run changes nothing.

    Dropped rows: of a recording's earlier versions; of an extraction that a newer file replaces; with
    `keep_feature_sets`, of all other feature sets; refusals older than `maintain.quarantine_days` that are of an
    earlier version, or followed by a later refusal of the same recording. The caller holds the leases of the jobs.

    Args:
        store: the tables.
        settings: sizes and days.
        run_id: names the new files, and sorts after every earlier run's.
        keep_feature_sets: ids of feature sets; None keeps all.

    Raises:
        SettingsError: a feature set to keep does not exist.
    """

    def __init__(
        self, store: TableStore, settings: MaintainSettings, run_id: str, keep_feature_sets: Collection[str] | None
    ) -> None:
        self.store, self.settings, self.run_id = store, settings, run_id
        self._number = 0
        self._current = current_versions(store)
        self._extracted = extracted(store, self._current, keep_feature_sets)
        unknown = sorted(set(keep_feature_sets or ()) - self._extracted.feature_sets)
        if unknown:
            existing = ", ".join(sorted(self._extracted.feature_sets)) or "none"
            raise SettingsError([f"--keep-feature-sets {', '.join(unknown)}: there are {existing}"])

    def run(self, now: dt.datetime) -> list[Maintained]:
        """Maintains all log tables; the result of each."""
        before = {table.name: len(self.store.files(table)) for table in (CHANNELS, FEATURES, QUARANTINE, RUNS)}
        dropped = {CHANNELS.name: self._extracted.dropped, FEATURES.name: self._join_extracted()}
        dropped[QUARANTINE.name] = self._join(QUARANTINE, self._old_refusals(now))
        dropped[RUNS.name] = self._join(RUNS, {})
        tables = (CHANNELS, FEATURES, QUARANTINE, RUNS)
        return [
            Maintained(table.name, before[table.name], len(self.store.files(table)), dropped[table.name])
            for table in tables
        ]

    def _join_extracted(self) -> int:
        """Joins pairs of files of `channels` and `features`; returns the rows of `features` that were dropped."""
        dropped = sum(self._drop(FEATURES, stem) for stem in self._orphans())
        for group in self._extracted.groups(int(self.settings.target_mb * MB)):
            dropped += self._join_pairs(group)
        return dropped

    def _orphans(self) -> list[str]:
        """Stems of `features` without `channels`, of killed runs: no reader uses them."""
        channels = {stem_of(CHANNELS, key) for key in self.store.files(CHANNELS)}
        return [stem for stem in (stem_of(FEATURES, key) for key in self.store.files(FEATURES)) if stem not in channels]

    def _join_pairs(self, stems: Sequence[str]) -> int:
        features = {key_of(FEATURES, stem) for stem in stems} & set(self.store.files(FEATURES))
        before = sum(self._rows(key) for key in features)
        written = 0
        kept = [stem for stem in stems if self._extracted.stays[stem]]
        if kept:
            number = self._next()
            sources = [
                (key_of(FEATURES, stem), self._keep(stem)) for stem in kept if key_of(FEATURES, stem) in features
            ]
            if sources:
                schema = features_schema(schema_of(self.store, sources[0][0]).field("vector").type.list_size)
                written = rewrite(self.store, log_key(FEATURES, self.run_id, number), sources, schema)
            pairs = [(key_of(CHANNELS, stem), self._keep(stem)) for stem in kept]
            rewrite(self.store, log_key(CHANNELS, self.run_id, number), pairs, CHANNELS.schema)
        for table in (CHANNELS, FEATURES):
            for stem in stems:
                self._delete(key_of(table, stem))
        return before - written

    def _keep(self, stem: str) -> Keep:
        keys = pa.array(sorted(self._extracted.stays[stem]), pa.string())
        return lambda table: pc.is_in(row_keys(table, EXTRACTION), value_set=keys)

    def _old_refusals(self, now: dt.datetime) -> Mapping[str, pa.Array]:
        """Masks of the rows to keep, for those files of `quarantine` that lose rows."""
        limit = now - dt.timedelta(days=self.settings.quarantine_days)
        files = self.store.files(QUARANTINE)
        columns = ["recording_id", "version", "seen_at"]
        refusals = {key: self.store.read(key, columns, schema=QUARANTINE.schema) for key in files}
        newest: dict[tuple[str, str], dt.datetime] = {}
        for table in refusals.values():
            for row in table.to_pylist():
                place = (row["recording_id"], row["version"])
                newest[place] = max(newest.get(place, row["seen_at"]), row["seen_at"])
        stays = {}
        for key, table in refusals.items():
            last = [newest[row["recording_id"], row["version"]] == row["seen_at"] for row in table.to_pylist()]
            current = is_current(table, self._current)
            young = pc.greater_equal(table.column("seen_at"), pa.scalar(limit, table.schema.field("seen_at").type))
            stays[key] = pc.or_(young.combine_chunks(), pc.and_(pa.array(last, pa.bool_()), current))
        return {key: mask for key, mask in stays.items() if not pc.all(mask, min_count=0).as_py()}

    def _join(self, table: Table, stays: Mapping[str, pa.Array]) -> int:
        """Joins a table's small files, without rows that `stays` drops or that a killed run has joined already."""
        target = int(self.settings.target_mb * MB)
        sizes = {info.key: info.size_bytes for info in self.store.storage.list(f"{table.name}/")}
        small = [key for key in self.store.files(table) if sizes[key] < target / 2]
        wanted = sorted({*(small if len(small) > 1 else []), *stays})
        before = after = 0
        seen: set[str] = set()
        for group in batched_by_size([(key, sizes[key]) for key in wanted], target):
            tables = []
            for key in group:
                rows = self.store.read(key, schema=table.schema)
                before += len(rows)
                rows = rows.filter(stays[key]) if key in stays else rows
                names = row_keys(rows, table.key).to_pylist()
                fresh = [name not in seen for name in names]
                seen.update(names)
                tables.append(rows.filter(pa.array(fresh, pa.bool_())))
            joined = pa.concat_tables(tables)
            after += len(joined)
            if len(joined):
                self.store.write(log_key(table, self.run_id, self._next()), joined)
            for key in group:
                self._delete(key)
        return before - after

    def _drop(self, table: Table, stem: str) -> int:
        rows = self._rows(key_of(table, stem))
        self._delete(key_of(table, stem))
        return rows

    def _rows(self, key: str) -> int:
        return len(self.store.read(key, ["recording_id"]))

    def _delete(self, key: str) -> None:
        if self.store.fence is not None:
            self.store.fence.check()
        self.store.storage.delete(key)

    def _next(self) -> int:
        self._number += 1
        return self._number
