"""What a worker drops between tasks."""

from __future__ import annotations

import gc
import importlib
import sys
import zipfile
from pathlib import Path

import pytest

from ser_core.pipeline.engine.worker import lighten


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
