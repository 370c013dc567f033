"""The settings that say which call and date a recording is of, as of the last listing of every date."""

from __future__ import annotations

import json

from ser_core.config import Settings
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import STATE, TableStore

_KEY = f"{STATE}identity.json"


class IdentitySettings:
    """`archive.pattern` and `archive.timezone` of now and before. New tables keep those of now at once.

    Attributes:
        changed: they have changed, so that any known recording may have another date.
    """

    def __init__(self, store: TableStore, settings: Settings) -> None:
        self._store = store
        archive = settings.archive
        now = {"archive.pattern": archive.pattern, "archive.timezone": archive.timezone}
        self._now = json.dumps(now).encode()
        kept = store.storage.read_or_none(_KEY)
        self.changed = kept != self._now
        if kept is None and not store.partitions(RECORDINGS):
            self.keep()

    def keep(self) -> None:
        """Keeps those of now, once every date has been listed by them."""
        if self.changed:
            self._store.put(_KEY, self._now)
            self.changed = False
