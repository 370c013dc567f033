"""Erasing calls from every table, and keeping them out."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import Storage
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    FEATURES,
    LABELS,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
    Table,
)
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.call_rows import Wanted, find, find_uris
from ser_core.data.upkeep.rewrite import rewrite, schema_of
from ser_core.data.upkeep.tombstones import keep_tombstones
from ser_core.errors import SerError

_ORDER = (CHANNELS, FEATURES, QUARANTINE, LABELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK, RECORDINGS)
"""`recordings`, by which a call's rows are located, is erased last: a run that was stopped can be repeated."""
_NAMES = ("recording_id", "call_id", "call_date")
_ERASED = "[erased]"


@dataclass
class Forgotten:
    """Counts of what was erased, without names.

    Attributes:
        recordings: number of recordings with rows.
        rows: rows erased, by table.
        left: rows that a second search found, by table; all are 0.
        texts: texts of `runs` from which names were erased.
        corpora: corpora in which the calls had labels.
    """

    recordings: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    texts: int = 0
    corpora: set[str] = field(default_factory=set)

    def add(self, other: Forgotten) -> None:
        """Adds the counts of another root."""
        self.recordings += other.recordings
        self.texts += other.texts
        self.corpora |= other.corpora
        for own, others in ((self.rows, other.rows), (self.left, other.left)):
            for name, count in others.items():
                own[name] = own.get(name, 0) + count


@dataclass(frozen=True)
class Forget:
    """Erases calls by name, or all before a date. The caller holds the leases of every job below each root.

    Attributes:
        pseudonyms: with the secret of the tombstones.
        run_id: of this run.
        call_ids: as named in the archive; rows with their hashes are erased too.
        before: erase all earlier calls instead.
    """

    pseudonyms: Pseudonyms
    run_id: str
    call_ids: Sequence[str]
    before: dt.date | None

    def run(self, store: TableStore, corpus: TableStore | None) -> Forgotten:
        """Erases from the archive's tables, and the same calls from those of a `corpus`.

        Raises:
            SerError: a second search found rows.
        """
        wanted = find(store, self._names(), self.before)
        keep_tombstones(store, self.run_id, self.pseudonyms, self._tombstones(wanted))
        if corpus is not None:
            in_corpus = find_uris(corpus, wanted.uris, wanted.call_ids)
            if in_corpus.recording_ids:
                keep_tombstones(corpus, self.run_id, self.pseudonyms, self._tombstones(in_corpus))
            done = self._erase(corpus, in_corpus)
            done.add(self._erase(store, wanted))
            return done
        return self._erase(store, wanted)

    def _names(self) -> frozenset[str]:
        return frozenset(self.call_ids) | {self.pseudonyms.call(call_id) for call_id in self.call_ids}

    def _tombstones(self, wanted: Wanted) -> set[str]:
        """Of the calls given by name, and of every recording: a call_id may be used again."""
        recordings = {self.pseudonyms.tombstone("recording", recording_id) for recording_id in wanted.recording_ids}
        return recordings | {self.pseudonyms.of_call(call_id) for call_id in self.call_ids}

    def _erase(self, store: TableStore, wanted: Wanted) -> Forgotten:
        done = Forgotten(recordings=len(wanted.recording_ids))
        done.texts = _erase_texts(store, {*wanted.recording_ids, *wanted.call_ids, *wanted.uris})
        for table in _ORDER:
            counts = _matching(store, table, wanted)
            if table is LABELS:
                done.corpora = _corpora(store, wanted, counts)
            for key, count in counts.items():
                schema = schema_of(store, key)
                rewrite(store, key, [(key, lambda rows: pc.invert(wanted.rows(rows)))], schema)
                done.rows[table.name] = done.rows.get(table.name, 0) + count
        for table in _ORDER:
            done.left[table.name] = sum(_matching(store, table, wanted, everywhere=True).values())
        if any(done.left.values()):
            left = ", ".join(f"{name} {count}" for name, count in done.left.items() if count)
            raise SerError(f"After erasing, rows are left: {left}. Did a job write meanwhile? Run `ser forget` again")
        return done


def trained_on(models: Storage, corpora: Collection[str]) -> list[str]:
    """Model versions whose manifest names one of `corpora`."""
    versions = []
    for info in models.list():
        if info.key.endswith("/manifest.json") and json.loads(models.read(info.key))["training"]["corpus"] in corpora:
            versions.append(info.key.removesuffix("/manifest.json"))
    return sorted(versions)


def _matching(store: TableStore, table: Table, wanted: Wanted, *, everywhere: bool = False) -> Mapping[str, int]:
    """Number of such rows, by file that has any; `everywhere` also reads the files that should have none."""
    counts = {}
    names = [name for name in _NAMES if name in table.schema.names]
    for key in store.files(table):
        if everywhere or wanted.may_be_in(store, table, key):
            count = pc.sum(wanted.rows(store.read(key, names))).as_py()
            if count:
                counts[key] = int(count)
    return counts


def _corpora(store: TableStore, wanted: Wanted, keys: Iterable[str]) -> set[str]:
    tables = [store.read(key, ["recording_id", "corpus"]) for key in keys]
    return {name for rows in tables for name in rows.filter(wanted.rows(rows)).column("corpus").to_pylist() if name}


def _erase_texts(store: TableStore, names: Collection[str]) -> int:
    """Erases `names` from the texts of `runs`, where they are whole words; returns the number of texts changed."""
    changed = 0
    for key in store.files(RUNS):
        rows = store.read(key)
        texts = rows.column("detail").to_pylist()
        erased = [_without(text, names) for text in texts]
        if erased != texts:
            changed += sum(new != old for new, old in zip(erased, texts, strict=True))
            place = rows.schema.get_field_index("detail")
            store.write(key, rows.set_column(place, rows.schema.field(place), pa.array(erased, pa.string())))
    return changed


def _without(text: str | None, names: Collection[str]) -> str | None:
    if text is None:
        return None
    for name in sorted((name for name in names if name in text), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _ERASED, text)
    return text
