"""The files of `channels` and `features` of a call date as pairs, which of their rows count, and which to join."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.newest import EXTRACTION, FILE, features_key, newest
from ser_core.data.tables.schemas import CHANNELS, FEATURES
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.rewrite import row_keys


@dataclass(frozen=True)
class Pair:
    """A file of `channels`, and the file of `features` beside it.

    Attributes:
        channels: its key.
        features: its key; None where no recording has speech.
        keys: of the extractions whose rows count, as `row_keys` makes them.
        rows: of `channels` that count.
        dropped: rows of `channels` that do not count.
        feature_sets: of the rows that count.
        size_bytes: of both files.
    """

    channels: str
    features: str | None
    keys: pa.Array
    rows: int
    dropped: int
    feature_sets: tuple[str, ...]
    size_bytes: int

    def counts(self, rows: pa.Table) -> pa.Array:
        """A mask of the rows of either file that count."""
        return pc.is_in(row_keys(rows, EXTRACTION), value_set=self.keys)


def read_pairs(
    store: TableStore, date: dt.date, current: pa.Array, keep_feature_sets: Collection[str] | None
) -> list[Pair]:
    """The pairs of a date, in the order of their names.

    Args:
        store: the tables.
        date: the call date.
        current: keys of the recordings and versions that count.
        keep_feature_sets: ids; None keeps all.
    """
    sizes = {
        info.key: info.size_bytes
        for table in (CHANNELS, FEATURES)
        for info in store.storage.list(f"{table.name}/call_date={date}/")
    }
    files = store.files_of(CHANNELS, call_date=date)
    parts = [store.read(key, EXTRACTION) for key in files]
    named = [
        part.append_column(FILE, pa.repeat(pa.scalar(key), len(part))) for key, part in zip(files, parts, strict=True)
    ]
    rows = newest(pa.concat_tables(named)) if named else pa.table({})
    if named:
        rows = rows.filter(pc.is_in(row_keys(rows, EXTRACTION[:2]), value_set=current))
    if named and keep_feature_sets is not None:
        rows = rows.filter(pc.is_in(rows["feature_set"], value_set=pa.array(sorted(keep_feature_sets), pa.string())))
    counting = _by_file(rows) if named else {}
    pairs = []
    for key, part in zip(files, parts, strict=True):
        own = counting.get(key, rows.slice(0, 0))
        features = features_key(key)
        pairs.append(
            Pair(
                key,
                features if features in sizes else None,
                pc.unique(row_keys(own, EXTRACTION)),
                len(own),
                len(part) - len(own),
                tuple(sorted(set(own["feature_set"].to_pylist()))),
                sizes[key] + sizes.get(features, 0),
            )
        )
    return pairs


def groups(pairs: Sequence[Pair], target: int) -> Iterator[list[Pair]]:
    """Pairs to rewrite together: of the same feature sets, up to `target` bytes.

    A pair that drops no rows stays as it is, if it is large or there is no other to join.
    """
    by_set: dict[tuple[str, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_set[pair.feature_sets].append(pair)
    for members in by_set.values():
        small = [pair.channels for pair in members if pair.size_bytes < target / 2]
        joined = set(small) if len(small) > 1 else set()
        wanted = [pair for pair in members if pair.channels in joined or pair.dropped]
        for group in _up_to(wanted, target):
            if len(group) > 1 or group[0].dropped:
                yield group


def _up_to(pairs: Sequence[Pair], target: int) -> Iterator[list[Pair]]:
    """Pairs in their order, in groups of up to `target` bytes; a larger one is a group of its own."""
    group: list[Pair] = []
    total = 0
    for pair in pairs:
        if group and total + pair.size_bytes > target:
            yield group
            group, total = [], 0
        group.append(pair)
        total += pair.size_bytes
    if group:
        yield group


def _by_file(rows: pa.Table) -> dict[str, pa.Table]:
    """The rows of each file, in the order that they have."""
    file = rows.column(FILE).combine_chunks().dictionary_encode()
    code = file.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    edges = np.searchsorted(code[order], np.arange(len(file.dictionary) + 1)).tolist()
    keys = file.dictionary.to_pylist()
    return {key: rows.take(pa.array(order[a:b])) for key, a, b in zip(keys, edges, edges[1:], strict=False)}
