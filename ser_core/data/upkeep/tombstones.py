"""Tombstones of forgotten calls: they keep the calls out of the tables while the archive still has their audio."""

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
    """Writes the tombstones of a run beside the tables; called before rows are erased."""
    kept = {"secret": pseudonyms.mark, "at": dt.datetime.now(dt.UTC).isoformat(), "digests": sorted(set(digests))}
    store.put(f"{_FOLDER}{run_id}.json", json.dumps(kept).encode())


def read_tombstones(store: TableStore, pseudonyms: Pseudonyms | None) -> frozenset[str]:
    """Every tombstone below the tables' root.

    Raises:
        SettingsError: there are some, and their secret is not configured.
    """
    digests: set[str] = set()
    for info in store.storage.list(_FOLDER):
        kept = json.loads(store.storage.read(info.key))
        if pseudonyms is None or kept["secret"] != pseudonyms.mark:
            what = "there is no secret" if pseudonyms is None else "the secret is another one"
            raise SettingsError(
                [
                    f"calls have been forgotten from {store.storage.uri}, and {what}, so that they could come back: "
                    f"set {SECRET_VARIABLE} or privacy.secret_file to the secret that `ser forget` used"
                ]
            )
        digests.update(kept["digests"])
    return frozenset(digests)
