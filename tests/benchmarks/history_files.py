"""Files of the tables and of the archive with any number of nights, made quickly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

from ser_core.data.storage.folder import FolderStorage
from tests.benchmarks.history_rows import Day


class Unsafe(FolderStorage):
    """A folder that is written without waiting for the disk: what a crash of the machine loses is made again."""

    def put(self, key: str, data: bytes | Path | BinaryIO) -> None:
        path = self.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("_unfinished")
        with unfinished.open("wb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                source = data.open("rb") if isinstance(data, Path) else data
                source.seek(0)
                shutil.copyfileobj(source, file)
        unfinished.replace(path)


def write_archive(root: Path, day: Day) -> None:
    """Empty recordings of a date, with the sizes and times that the tables have of them."""
    for key, size in day.sizes():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
        os.utime(path, (day.modified_at.timestamp(),) * 2)


def linked(source: Path, target: Path) -> None:
    """The same files under another root, without their bytes: no file is ever changed where it is."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=os.link)
