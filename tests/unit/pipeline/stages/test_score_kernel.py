"""What Spark moves instead of rows, and what a worker forgets between tasks."""

from __future__ import annotations

import gc
import importlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ser_core.pipeline.engine.worker import lighten
from ser_core.pipeline.stages.score_kernel import _places, _spans, packed, unpacked


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


def test_spans_end_where_any_column_changes() -> None:
    day, bucket = np.array([1, 1, 1, 2, 2], np.int32), np.array([0, 0, 3, 3, 3], np.int32)
    assert list(_spans(day)) == [(0, 3), (3, 5)]
    assert list(_spans(day, bucket)) == [(0, 2), (2, 3), (3, 5)]


def test_finders_of_zip_files_are_forgotten_and_packages_in_them_still_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped_package/__init__.py", "")
        file.writestr("zipped_package/early.py", "VALUE = 1")
        file.writestr("zipped_package/late.py", "VALUE = 2")
    monkeypatch.syspath_prepend(str(archive))
    assert importlib.import_module("zipped_package.early").VALUE == 1
    assert any(path.startswith(str(archive)) for path in sys.path_importer_cache)
    try:
        lighten()
        assert not any(path.startswith(str(archive)) for path in sys.path_importer_cache)
        importlib.invalidate_caches()
        assert importlib.import_module("zipped_package.late").VALUE == 2
    finally:
        gc.unfreeze()
        for name in [name for name in sys.modules if name.startswith("zipped_package")]:
            del sys.modules[name]
