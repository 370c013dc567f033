"""Download of RAVDESS speech from Zenodo: resumed, verified and unpacked."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ser_core.errors import CorpusError
from ser_core.learning.corpora.unpack import unpack

RAVDESS_URL = "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1"
"""RAVDESS 1.0.0, audio-only speech: https://doi.org/10.5281/zenodo.1188976 (CC BY-NC-SA 4.0)."""
RAVDESS_MD5 = "bc696df654c87fed845eb13823edef8a"

_log = logging.getLogger(__name__)
_ZIP = "Audio_Speech_Actors_01-24.zip"
_FOLDER = "ravdess-speech"
_TIMEOUT_S = (10.0, 60.0)
_CHUNK = 2**16
_MAX_FAILURES = 3  # in a row, without a byte received

_Show = Callable[[int, int | None], None]
"""Called with the bytes received and, where known, the bytes in total."""


def fetch_ravdess(to: Path, url: str, md5: str) -> Path:
    """Downloads the zip at `url` to the folder `to`, checks its MD5, unpacks it, and returns the recordings' folder.

    Finished steps are not repeated. An interrupted download is resumed, in this call and, from the `.part` file, in the
    next. Progress is shown on stderr.

    Raises:
        CorpusError: the server refuses, the connection fails repeatedly, or the file is not the published one.
    """
    folder = to / _FOLDER
    if folder.is_dir():
        _log.info("%s exists already", folder)
        return folder
    to.mkdir(parents=True, exist_ok=True)
    archive = to / _ZIP
    if not archive.exists():
        part = archive.with_name(f"{_ZIP}.part")
        with _bar() as show:
            _download(url, part, show)
        part.rename(archive)
    _check(archive, md5, url)
    unpack(archive, folder)
    archive.unlink()
    return folder


def _download(url: str, part: Path, show: _Show) -> None:
    """Downloads until the whole file is in `part`; gives up after `_MAX_FAILURES`."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch_rest(url, part, before, show)
            return
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            after = part.stat().st_size if part.exists() else 0
            failures = 0 if after > before else failures + 1
            if failures >= _MAX_FAILURES:
                raise CorpusError(
                    f"The download of {url} was interrupted at {after} bytes ({error}); call again to resume it"
                ) from error
            _log.warning("the download was interrupted at %d bytes, resuming", after)


def _fetch_rest(url: str, part: Path, offset: int, show: _Show) -> None:
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={offset}-"} if offset else {})}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                _settle_unsatisfiable(answer, part, offset)
                return
            answer.raise_for_status()
            kept = _kept(answer, part, offset)
            length = answer.headers.get("Content-Length")
            _save(answer, part, kept, None if length is None else kept + int(length), show)
    except (requests.HTTPError, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise CorpusError(
            f"{url} cannot be fetched ({error}); check the address, or give another with --url"
        ) from error


def _kept(answer: requests.Response, part: Path, offset: int) -> int:
    """The bytes of `part` before the answer's first: `offset`, or 0 where the server ignores Range and sends all."""
    if answer.status_code != requests.codes.partial_content:
        return 0
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset:
        part.unlink(missing_ok=True)
        raise requests.ConnectionError(f"the server sent another range than the one from byte {offset}; starting again")
    return offset


def _settle_unsatisfiable(answer: requests.Response, part: Path, offset: int) -> None:
    """The server has no bytes from `offset` on: the file is complete, or `part` is of another file and is deleted."""
    match = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
    if match is not None and int(match[1]) == offset:
        return
    part.unlink(missing_ok=True)
    raise requests.ConnectionError(f"{offset} bytes were more than the server has; starting again")


def _save(answer: requests.Response, part: Path, kept: int, total: int | None, show: _Show) -> None:
    with part.open("ab" if kept else "wb") as sink:
        received = kept
        for chunk in answer.iter_content(_CHUNK):
            sink.write(chunk)
            received += len(chunk)
            show(received, total)
    if total is not None and received < total:
        raise requests.ConnectionError(f"{received} of {total} bytes were received")


def _check(archive: Path, md5: str, url: str) -> None:
    with archive.open("rb") as file:
        actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if actual != md5.lower():
        archive.unlink()
        raise CorpusError(
            f"The file from {url} has the MD5 {actual}, expected {md5}: it is not the published file, or was damaged "
            "in transfer. It has been deleted; fetch it again"
        )


@contextmanager
def _bar() -> Iterator[_Show]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("RAVDESS", total=None)
        yield lambda received, total: progress.update(task, completed=received, total=total)
