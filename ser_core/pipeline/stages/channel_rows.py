"""The rows of a file of `features` that belong to wanted channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.data.tables.newest import features_key
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.stages.score_plan import CHANNEL

Places = npt.NDArray[np.intp]


def channel_rows(
    store: TableStore, file: str, channels: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> Iterator[tuple[pa.Table, Places]]:
    """Segments of `channels`, a recording's in one table, with the place (n,) of each row's channel among them.

    Args:
        store: the tables.
        file: key of the file of `channels`.
        channels: with the columns of `CHANNEL`.
        columns: of `features` to read beside those.
    """
    places = {tuple(row[name] for name in CHANNEL): place for place, row in enumerate(channels)}
    for table in store.recordings(features_key(file), (*CHANNEL, *columns)):
        place = _places(table, places)
        if (place < 0).any():
            table, place = table.filter(pa.array(place >= 0)), place[place >= 0]  # noqa: PLW2901
        if len(table):
            yield table, place


def _places(table: pa.Table, places: Mapping[tuple[Any, ...], int]) -> Places:
    """The place of each row's channel, (n,), or -1. Rows of a channel are contiguous; only the first is looked up."""
    change = np.ones(len(table), dtype=np.bool_)
    change[1:] = False
    for name in CHANNEL:
        code = table.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
        change[1:] |= code[1:] != code[:-1]
    firsts = np.flatnonzero(change)
    keys = zip(*(table.column(name).take(pa.array(firsts)).to_pylist() for name in CHANNEL), strict=True)
    place = np.array([places.get(key, -1) for key in keys], dtype=np.intp)
    return np.repeat(place, np.diff([*firsts.tolist(), len(table)]))
