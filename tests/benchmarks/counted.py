"""A command of `ser` whose requests to storage are counted, in its own process and in its workers.

`python -m tests.benchmarks.counted WORDS…` with the name of a file in COUNTED_LOG, to which every request is added as a
line: what is asked, of which key, how many requests S3 would take, how many bytes were read.
"""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

LOG = "COUNTED_LOG"
_PAGE = 1_000  # keys in an answer of S3


class Request(NamedTuple):
    """A line of the log."""

    name: str
    key: str
    requests: int
    bytes_read: int


def read_log(path: str) -> list[Request]:
    """What has been counted so far."""
    with open(path, encoding="utf-8", newline="\n") as file:  # noqa: PTH123
        parts = (line.rstrip("\n").split("\t") for line in file)
        return [Request(name, key, int(requests), int(read)) for name, key, requests, read in parts]


def count_requests() -> None:
    """Counts from now on what is asked of folders, in this process and in those that it forks."""
    from ser_core.data.storage.folder import FolderStorage

    log = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(name: str, key: str, requests: int = 1, bytes_read: int = 0) -> None:
        os.write(log, f"{name}\t{key}\t{requests}\t{bytes_read}\n".encode())

    real_list = FolderStorage.list

    def listed(self: FolderStorage, prefix: str = "", recursive: bool = True) -> Iterator[Any]:
        count = 0
        try:
            for info in real_list(self, prefix, recursive):
                count += 1
                yield info
        finally:
            note("list", prefix, 1 + max(0, count - 1) // _PAGE)

    FolderStorage.list = listed  # type: ignore[method-assign]
    for name in ("children", "info", "put", "put_if_absent", "delete"):
        setattr(FolderStorage, name, _noted(name, getattr(FolderStorage, name), note))
    for name, ranged in (("fetch", False), ("open_ranges", True)):
        setattr(FolderStorage, name, _opened(name, getattr(FolderStorage, name), note, ranged))


def _noted(name: str, real: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(real)
    def call(self: Any, key: str = "", *more: Any, **named: Any) -> Any:
        answer = real(self, key, *more, **named)
        note(name, key, 1 + max(0, len(answer) - 1) // _PAGE if name == "children" else 1)
        return answer

    return call


def _opened(name: str, real: Callable[..., Any], note: Callable[..., None], ranged: bool) -> Callable[..., Any]:
    @functools.wraps(real)
    def call(self: Any, key: str, *more: Any, **named: Any) -> Any:
        answer = real(self, key, *more, **named)
        note(name, key)
        if isinstance(answer, _Counted):  # opened by the other
            return answer
        seen = functools.partial(note, "read", key, int(ranged))
        return _Counted(answer, seen) if ranged else (answer[0], _Counted(answer[1], seen))

    return call


class _Counted(io.RawIOBase):
    """A file whose reads are counted."""

    def __init__(self, file: BinaryIO, note: Callable[[int], None]) -> None:
        self._file, self._note = file, note

    def read(self, size: int | None = -1) -> bytes:
        data = self._file.read(-1 if size is None else size)
        self._note(len(data))
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def main() -> int:
    """Runs the command, whose Python workers count too."""
    os.environ.pop("PYSPARK_GATEWAY_PORT", None)
    count_requests()
    from ser_core.cli.main import main as ser

    return ser(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
