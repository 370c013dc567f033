"""Rows of `channels` and `features` that readers use, and pairs of files that need rewriting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import CHANNELS, FEATURES, Table
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.current_versions import is_current
from ser_core.data.upkeep.rewrite import row_keys

EXTRACTION = ("recording_id", "version", "feature_set", "condition")
"""Key of an extraction: readers take it from the newest file only."""


@dataclass(frozen=True)
class NewestExtractions:
    """Pairs of files by stem (their name without folder and ending), in the order of their names.

    Attributes:
        stays: rows of `channels` that count, as keys of `EXTRACTION`.
        drops: number of rows that do not count.
        sets: feature sets of the rows that count.
        sizes: bytes of both files.
        feature_sets: all feature sets.
    """

    stays: dict[str, frozenset[str]]
    drops: dict[str, int]
    sets: dict[str, tuple[str, ...]]
    sizes: dict[str, int]
    feature_sets: frozenset[str]

    @property
    def dropped(self) -> int:
        """Rows of `channels` that do not count."""
        return sum(self.drops.values())

    def groups(self, target: int) -> Iterator[list[str]]:
        """Stems to rewrite together: of the same feature sets, up to `target` bytes.

        A pair that drops no rows stays as it is, if it is large or there is no other to join.
        """
        by_set: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for stem in self.stays:
            by_set[self.sets[stem]].append(stem)
        for stems in by_set.values():
            small = [stem for stem in stems if self.sizes[stem] < target / 2]
            joined = set(small) if len(small) > 1 else set()
            wanted = [(stem, self.sizes[stem]) for stem in stems if stem in joined or self.drops[stem]]
            yield from batched_by_size(wanted, target)


def batched_by_size(sizes: list[tuple[str, int]], target: int) -> Iterator[list[str]]:
    """Names in their order, in groups of up to `target`; a larger file is a group of its own."""
    group: list[str] = []
    total = 0
    for name, size in sizes:
        if group and total + size > target:
            yield group
            group, total = [], 0
        group.append(name)
        total += size
    if group:
        yield group


def key_of(table: Table, stem: str) -> str:
    """The file of a stem in `table`."""
    return f"{table.name}/{stem}.parquet"


def stem_of(table: Table, key: str) -> str:
    """The stem of a file of `table`."""
    return key.removeprefix(f"{table.name}/").removesuffix(".parquet")


def extracted(store: TableStore, current: pa.Table, keep_feature_sets: Collection[str] | None) -> NewestExtractions:
    """Reads the keys of every `channels` file; about 100 bytes a recording are held.

    Args:
        store: the tables.
        current: as `current_versions`.
        keep_feature_sets: ids; None keeps all.
    """
    stems = [stem_of(CHANNELS, key) for key in store.files(CHANNELS)]
    tables = [store.read(key_of(CHANNELS, stem), EXTRACTION, schema=CHANNELS.schema) for stem in stems]
    keys = [row_keys(table, EXTRACTION) for table in tables]
    codes = pa.chunked_array([pa.array([], pa.string()), *keys]).combine_chunks().dictionary_encode().indices.to_numpy()
    file = np.repeat(np.arange(len(stems)), [len(table) for table in tables])
    newest = np.full(int(codes.max(initial=-1)) + 1, -1)
    np.maximum.at(newest, codes, file)
    counts = np.split(newest[codes] == file, np.cumsum([len(table) for table in tables])[:-1])
    stays, drops, sets = {}, {}, {}
    every: set[str] = set()
    for stem, table, key, last in zip(stems, tables, keys, counts, strict=bool(stems)):
        kept = np.logical_and(last, is_current(table, current).to_numpy(zero_copy_only=False))
        every |= set(table.column("feature_set").to_pylist())
        if keep_feature_sets is not None:
            named = pa.array(sorted(keep_feature_sets), pa.string())
            kept &= pc.is_in(table.column("feature_set"), value_set=named).to_numpy()
        mask = pa.array(kept)
        stays[stem] = frozenset(key.filter(mask).to_pylist())
        drops[stem] = len(table) - int(kept.sum())
        sets[stem] = tuple(sorted(set(table.filter(mask).column("feature_set").to_pylist())))
    sizes = dict.fromkeys(stems, 0)
    for table in (CHANNELS, FEATURES):
        for info in store.storage.list(f"{table.name}/"):
            stem = stem_of(table, info.key)
            sizes[stem] = sizes.get(stem, 0) + info.size_bytes
    return NewestExtractions(stays, drops, sets, sizes, frozenset(every))
