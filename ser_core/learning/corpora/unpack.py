"""Safe unpacking of a zip from an untrusted source."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from ser_core.config.base import MB
from ser_core.errors import CorpusError

MAX_BYTES = 20 * 2**30
"""Most bytes of a zip, unpacked."""
MAX_RATIO = 100.0
"""Most unpacked by packed size: about 2 for audio, 1000 and more for a zip bomb."""
MAX_ENTRIES = 200_000
_SLACK_BYTES = MB
"""The ratio is not checked for a zip smaller than this when unpacked."""


def unpack(source: Path | IO[bytes], to: Path) -> Path:
    """Unpacks the zip `source` into the folder `to`; an existing folder is complete and is kept.

    Only regular files are unpacked. Nothing is written outside `to`, and nothing before every entry is checked.

    Raises:
        CorpusError: `source` is not a zip, is broken, has absolute paths, `..`, links, encrypted or duplicate entries,
            or exceeds `MAX_BYTES`, `MAX_RATIO` or `MAX_ENTRIES`.
    """
    if to.is_dir():
        return to
    with _opened(source) as archive:
        entries = _checked(archive, str(getattr(source, "name", source)))
        to.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f"_{to.name}-", dir=to.parent))
        try:
            _write(archive, entries, unfinished)
            _publish(unfinished, to)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return to


def content_id(source: IO[bytes]) -> str:
    """16 hex digits of a hash of the names, sizes and CRC-32 of a zip's entries.

    Raises:
        CorpusError: `source` is not a zip.
    """
    with _opened(source) as archive:
        lines = sorted(f"{entry.filename}\0{entry.file_size}\0{entry.CRC}" for entry in archive.infolist())
    source.seek(0)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _opened(source: Path | IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError) as error:
        raise CorpusError(
            f"{getattr(source, 'name', source)} cannot be read as a zip ({error}); expected a complete zip"
        ) from error


def _checked(archive: zipfile.ZipFile, name: str) -> Sequence[zipfile.ZipInfo]:
    """The files to write, after checks of all entries."""
    entries = archive.infolist()
    faults = [f"{entry.filename!r} {fault}" for entry in entries if (fault := _fault(entry)) is not None]
    files = [entry for entry in entries if not entry.is_dir()]
    doubled = len(files) - len({PurePosixPath(entry.filename).as_posix().casefold() for entry in files})
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if doubled:
        faults.append(f"{doubled} names occur twice")
    if len(entries) > MAX_ENTRIES:
        faults.append(f"{len(entries)} entries, more than {MAX_ENTRIES}")
    if unpacked > MAX_BYTES:
        faults.append(f"{unpacked} bytes unpacked, more than {MAX_BYTES}")
    if unpacked > max(_SLACK_BYTES, MAX_RATIO * packed):
        faults.append(f"{unpacked} bytes unpacked out of {packed}, more than {MAX_RATIO:g} times as much")
    if faults:
        shown = "; ".join(faults[:5])
        raise CorpusError(f"The zip {name} is refused: {shown}. Fetch the corpus again from its publisher")
    return files


def _fault(entry: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename or not path.parts:
        return "leads out of its folder"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is a link or a device"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    return None


def _write(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], folder: Path) -> None:
    for entry in entries:
        target = folder / entry.filename
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("xb") as sink:  # no more than its stated size is read
                shutil.copyfileobj(source, sink, MB)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
            raise CorpusError(f"{entry.filename} in the zip is broken ({error}); fetch the corpus again") from error
        except OSError as error:
            raise CorpusError(f"{target} cannot be written ({error.strerror}); check space and permissions") from error


def _publish(unfinished: Path, to: Path) -> None:
    try:
        unfinished.rename(to)
    except OSError:
        if not to.is_dir():  # otherwise another process has unpacked the same zip
            raise
