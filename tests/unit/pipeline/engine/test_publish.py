"""Runs of rows of the same bucket."""

from __future__ import annotations

import numpy as np

from ser_core.pipeline.engine.publish import spans


def test_spans_end_where_any_column_changes() -> None:
    day, bucket = np.array([1, 1, 1, 2, 2], np.int32), np.array([0, 0, 3, 3, 3], np.int32)
    assert list(spans(day)) == [(0, 3), (3, 5)]
    assert list(spans(day, bucket)) == [(0, 2), (2, 3), (3, 5)]
