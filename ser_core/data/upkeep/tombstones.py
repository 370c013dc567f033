"""What is kept of forgotten calls, so that they stay out while their audio still lies in the archive."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.tables.store import TableStore
from ser_core.errors import SettingsError

_FOLDER = "_forgotten/"


def keep_tombstones(store: TableStore, run_id: str, pseudonyms: Pseudonyms, digests: Iterable[str]) -> None:
    """Writes the tombstones of a run beside the tables, before anything is erased."""
    kept = {"secret": pseudonyms.mark, "at": dt.datetime.now(dt.UTC).isoformat(), "digests": sorted(set(digests))}
    store.put(f"{_FOLDER}{run_id}.json", json.dumps(kept).encode())


def read_tombstones(store: TableStore, pseudonyms: Pseudonyms | None) -> frozenset[str]:
    """Every tombstone below the tables' root.

    Raises:
        SettingsError: there are some, and not the secret that they were made with.
    """
    found: set[str] = set()
    for info in store.storage.list(_FOLDER):
        kept = json.loads(store.storage.read(info.key))
        if pseudonyms is None or kept["secret"] != pseudonyms.mark:
            what = "there is no secret" if pseudonyms is None else "the secret is another one"
            raise SettingsError(
                [
                    f"calls have been forgotten from {store.storage.uri}, and {what}, so that they could come back: "
                    f"set {SECRET_VARIABLE} or privacy.secret_file to what `ser forget` ran with"
                ]
            )
        found.update(kept["digests"])
    return frozenset(found)
