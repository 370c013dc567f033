"""Erasing calls from every table of their dates, and keeping them out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import Storage
from ser_core.data.tables.moved import forget_moves
from ser_core.data.tables.populations import forget_populations
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    FEATURES,
    LABELS,
    QUARANTINE,
    RECORDINGS,
    SEGMENT_EMOTIONS,
)
from ser_core.data.tables.store import TableStore
from ser_core.data.tables.table import Table
from ser_core.data.upkeep.call_rows import Calls, Places
from ser_core.data.upkeep.forgetting import begin_forgetting, end_forgetting
from ser_core.data.upkeep.rewrite import partition_files, rewrite, schema_of
from ser_core.data.upkeep.run_texts import erase_texts
from ser_core.data.upkeep.tombstones import keep_tombstones
from ser_core.errors import SerError

_OF_DATE = (CHANNELS, FEATURES, QUARANTINE, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)
_TABLES = (*_OF_DATE, LABELS, RECORDINGS)
_NAMES = ("recording_id", "call_id")

Erased = Callable[[dt.date, Calls], None]
"""Called when the calls of a date are in no table but `recordings`."""


@dataclass
class Forgotten:
    """Counts of what was erased, without names.

    Attributes:
        recordings: ids of recordings that were erased.
        dates: on which the calls had rows.
        rows: rows erased, by table.
        left: rows that a second search found, by table; all are 0.
        texts: texts of `runs` from which names were erased.
        corpora: corpora in which the calls had labels.
    """

    recordings: int = 0
    dates: set[dt.date] = field(default_factory=set)
    rows: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    texts: int = 0
    corpora: set[str] = field(default_factory=set)

    def add(self, other: Forgotten) -> None:
        """Adds the counts of another root."""
        self.recordings += other.recordings
        self.texts += other.texts
        self.dates |= other.dates
        self.corpora |= other.corpora
        for own, others in ((self.rows, other.rows), (self.left, other.left)):
            for name, count in others.items():
                own[name] = own.get(name, 0) + count


def keep_out(
    store: TableStore, run_id: str, pseudonyms: Pseudonyms, places: Places, names: Collection[str] = ()
) -> None:
    """Writes the tombstones of calls that are about to be erased.

    Args:
        store: the tables.
        run_id: of the run.
        pseudonyms: with the secret.
        places: where the calls are; their recordings get tombstones too.
        names: call_ids, as in the archive, that are left out on every date.
    """
    digests = {pseudonyms.of_call(name) for name in names}
    for date, calls in places.items():
        digests |= {pseudonyms.tombstone("recording", name) for name in calls.recording_ids}
        hashed = {hidden for name in calls.call_ids for hidden in pseudonyms.as_kept("call_id", name)}
        digests |= {pseudonyms.of_call_on(name, date) for name in hashed}
    if digests:
        keep_tombstones(store, run_id, pseudonyms, digests)


def erase(store: TableStore, places: Places, erased: Erased) -> Forgotten:
    """Erases calls from every table of their dates, and reads these dates again. The caller holds the lease.

    `recordings`, by which a call's rows are located, is last, each date after `erased`. What a run that was stopped has
    left is erased too.

    Raises:
        SerError: rows are left.
    """
    places = begin_forgetting(store, places)
    recording_ids = {name for calls in places.values() for name in calls.recording_ids}
    done = Forgotten(recordings=len(recording_ids))
    if not places:
        return done
    names = recording_ids.union(*((*calls.call_ids, *calls.uris) for calls in places.values()))
    done.texts = erase_texts(store, names, min(calls.since for calls in places.values()))
    erase_labels(store, recording_ids, done)
    for date, calls in places.items():
        for table in _OF_DATE:
            _erase(store, table, partition_files(store, table, date), calls, done, date)
    for date, calls in places.items():
        files = partition_files(store, RECORDINGS, date)
        if any(_count(store, key, calls) for key in files):
            erased(date, calls)
            _erase(store, RECORDINGS, files, calls, done, date)
        forget_moves(store, date, calls.recording_ids)
        forget_populations(store, date)
        _prove(store, date, calls, done)
    end_forgetting(store)
    return done


def erase_labels(store: TableStore, recording_ids: Collection[str], done: Forgotten) -> None:
    """Erases the labels of recordings; labels are few, made by people, and of no date."""
    calls = Calls(frozenset(recording_ids), frozenset(), frozenset(), dt.date.min)
    for key in store.files(LABELS) if recording_ids else ():
        rows = store.read(key, ("recording_id", "corpus"))
        done.corpora |= {name for name in rows.filter(calls.rows(rows))["corpus"].to_pylist() if name}
        _erase(store, LABELS, [key], calls, done, None)


def trained_on(models: Storage, corpora: Collection[str]) -> list[str]:
    """Model versions whose manifest names one of `corpora`."""
    manifests = [info.key for info in models.list() if info.key.endswith("/manifest.json")]
    found = [key for key in manifests if not _heard(json.loads(models.read(key))["training"]).isdisjoint(corpora)]
    return sorted(key.removesuffix("/manifest.json") for key in found)


def _heard(training: Mapping[str, Any]) -> set[str]:
    """The names that the labels of a model's corpora have."""
    several = {corpus["labels"] for corpus in training.get("corpora", ())}
    return several or {training["corpus"]}


def _erase(
    store: TableStore, table: Table, keys: Iterable[str], calls: Calls, done: Forgotten, date: dt.date | None
) -> None:
    for key in keys:
        count = _count(store, key, calls)
        if count:
            rewrite(store, key, [(key, lambda rows: pc.invert(calls.rows(rows)))], schema_of(store, key))
            done.rows[table.name] = done.rows.get(table.name, 0) + count
            done.dates |= set() if date is None else {date}


def _count(store: TableStore, key: str, calls: Calls) -> int:
    """Number of the calls' rows in a file."""
    return int(pc.sum(calls.rows(store.read(key, _NAMES))).as_py() or 0)


def _prove(store: TableStore, date: dt.date, calls: Calls, done: Forgotten) -> None:
    """Reads the date again, and the labels.

    Raises:
        SerError: there are rows of the calls.
    """
    left = {table.name: sum(_count(store, key, calls) for key in _files(store, table, date)) for table in _TABLES}
    for name, count in left.items():
        done.left[name] = done.left.get(name, 0) + count
    if any(left.values()):
        shown = ", ".join(f"{name} {count}" for name, count in left.items() if count)
        raise SerError(
            f"After erasing, rows of {date} are left: {shown}. Did a job write meanwhile? Run `ser forget` again"
        )


def _files(store: TableStore, table: Table, date: dt.date) -> list[str]:
    return partition_files(store, table, date) if table.partitions else store.files(table)
