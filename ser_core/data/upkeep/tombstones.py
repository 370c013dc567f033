"""What keeps forgotten calls out of the tables while the archive has their audio: tombstones, and a first date."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.tables.store import STATE, TableStore
from ser_core.errors import SettingsError

_FOLDER = f"{STATE}tombstones/"
_KEPT_FROM = f"{STATE}kept_from.json"
_SCHEMA = pa.schema([("digest", pa.string())])
_SECRET = b"secret"  # in the file's metadata: the mark of the secret


def keep_tombstones(store: TableStore, run_id: str, pseudonyms: Pseudonyms, digests: Iterable[str]) -> None:
    """Writes the tombstones of a run; called before rows are erased."""
    schema = _SCHEMA.with_metadata({_SECRET: pseudonyms.mark.encode()})
    store.write(f"{_FOLDER}{run_id}.parquet", pa.table([sorted(set(digests))], schema=schema))


def tombstone_files(store: TableStore) -> list[str]:
    """Keys of the files of tombstones, one a run of `ser forget`."""
    return [info.key for info in store.storage.list(_FOLDER)]


def tombstones_of(store: TableStore, key: str, pseudonyms: Pseudonyms | None) -> pa.StringArray:
    """The tombstones of one file.

    Raises:
        SettingsError: their secret is not configured.
    """
    table = pq.read_table(pa.BufferReader(store.storage.read(key)))
    if pseudonyms is None or table.schema.metadata[_SECRET].decode() != pseudonyms.mark:
        what = "there is no secret" if pseudonyms is None else "the secret is another one"
        raise SettingsError(
            [
                f"calls have been forgotten from {store.storage.uri}, and {what}, so that they could come back: "
                f"set {SECRET_VARIABLE} or privacy.secret_file to the secret that `ser forget` used"
            ]
        )
    return table.column("digest").combine_chunks()


def check_secret(store: TableStore, pseudonyms: Pseudonyms | None) -> None:
    """Reads one file of tombstones, where there is any: all of them are under one secret.

    Raises:
        SettingsError: that secret is not configured.
    """
    for key in tombstone_files(store)[:1]:
        tombstones_of(store, key, pseudonyms)


def keep_from(store: TableStore, first: dt.date) -> None:
    """Keeps out all calls before `first`, for good; an earlier date changes nothing."""
    kept = kept_from(store)
    if kept is None or kept < first:
        store.put(_KEPT_FROM, json.dumps({"kept_from": first.isoformat()}).encode())


def kept_from(store: TableStore) -> dt.date | None:
    """The first call date that is kept; None where all are."""
    text = store.storage.read_or_none(_KEPT_FROM)
    return None if text is None else dt.date.fromisoformat(json.loads(text)["kept_from"])
