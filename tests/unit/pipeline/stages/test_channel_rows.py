"""Packed rows, and the places of rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ser_core.data.tables.packed import packed, unpacked
from ser_core.pipeline.stages.channel_rows import _places


def test_packed_rows_come_back_and_only_those_of_the_slice() -> None:
    table = pa.table({"a": np.arange(100_000), "b": pa.array([None, "x"] * 50_000)})
    first, second = packed(table.slice(10, 5)), packed(table.slice(70, 2))
    assert unpacked([first, second]).equals(pa.concat_tables([table.slice(10, 5), table.slice(70, 2)]))
    assert len(first) < 2_000


def test_rows_are_placed_by_recording_version_and_channel() -> None:
    rows = [("r", "1", 0)] * 3 + [("r", "1", 1)] * 2 + [("r", "2", 1)] + [("q", "2", 1)] * 2
    columns = zip(*rows, strict=True)
    table = pa.table(dict(zip(("recording_id", "version", "channel"), map(pa.array, columns), strict=True)))
    table = pa.concat_tables([table.slice(0, 2), table.slice(2)])
    places = {("r", "1", 1): 0, ("q", "2", 1): 1, ("r", "1", 0): 2}
    assert _places(table, places).tolist() == [2, 2, 2, 0, 0, -1, 1, 1]
    assert _places(table.slice(0, 0), places).tolist() == []
