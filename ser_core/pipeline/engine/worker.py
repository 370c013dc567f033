"""What PySpark does in a worker before and after every task, made cheap: tasks of a second should not wait for it."""

from __future__ import annotations

import gc
import sys
from zipimport import zipimporter

_frozen = False


def lighten() -> None:
    """To be called at the end of a task.

    PySpark begins a task by `importlib.invalidate_caches`, which reads the directory of `pyspark.zip` anew for each
    package that was imported from it: 0.15 s of processor time, measured on Python 3.11. Finders that have been
    forgotten are made again, from what is kept of the directory, when something is imported. And it ends a task by a
    full garbage collection, which need not look at modules, as they stay.
    """
    global _frozen  # noqa: PLW0603 - once a process
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]
    if not _frozen:
        gc.collect()
        gc.freeze()
        _frozen = True
