"""Names in the texts of `runs`: an error of a run may name a recording."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import pyarrow as pa

from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore

_ERASED = "[erased]"
_TEXT = "detail"


def erase_texts(store: TableStore, names: Collection[str], since: dt.date) -> int:
    """Erases `names` where they are whole words, from runs of the month of `since` and later; counts texts changed."""
    first = f"{since - dt.timedelta(days=1):%Y-%m}"  # a local day may begin in the UTC month before
    months = [values["month"] for values in store.partitions(RUNS) if values["month"] >= first]
    return _changed(store, months, lambda row: _without(row[_TEXT], names))


def erase_old_texts(store: TableStore, before: dt.date) -> int:
    """Erases what runs that began before a date, and did not succeed, say of their fault; counts texts changed."""
    months = [values["month"] for values in store.partitions(RUNS) if values["month"] <= f"{before:%Y-%m}"]

    def erased(row: Mapping[str, Any]) -> str | None:
        text, began = row[_TEXT], row["started_at"]
        if text is None or row["status"] == "done" or began is None or began.date() >= before:
            return None if text is None else str(text)
        return f"{text.partition(':')[0]}: {_ERASED}" if ":" in text else str(text)

    return _changed(store, months, erased)


def _changed(store: TableStore, months: Iterable[str], erased: Callable[[Mapping[str, Any]], str | None]) -> int:
    changed = 0
    for month in months:
        for key in store.files_of(RUNS, month=month):
            rows = store.read(key)
            texts = rows.column(_TEXT).to_pylist()
            new = [erased(row) for row in rows.select([_TEXT, "status", "started_at"]).to_pylist()]
            if new != texts:
                changed += sum(one != other for one, other in zip(new, texts, strict=True))
                place = rows.schema.get_field_index(_TEXT)
                store.write(key, rows.set_column(place, rows.schema.field(place), pa.array(new, pa.string())))
    return changed


def _without(text: str | None, names: Collection[str]) -> str | None:
    if text is None:
        return None
    for name in sorted((name for name in names if name in text), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _ERASED, text)
    return text
