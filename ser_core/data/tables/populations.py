"""Where the statistics of each call date's vectors are kept: a file a date and feature set."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote

from ser_core.data.tables.store import STATE, TableStore

POPULATIONS = f"{STATE}populations/"


def population_key(feature_set_id: str, date: dt.date) -> str:
    """Key of a date's statistics."""
    return f"{POPULATIONS}{quote(feature_set_id, safe='@')}/{date}.npz"


def forget_populations(store: TableStore, date: dt.date) -> None:
    """Removes a date's statistics; the next run that scores the date makes them of the calls that it still has."""
    for folder in store.storage.children(POPULATIONS):
        store.delete(f"{folder}{date}.npz")
