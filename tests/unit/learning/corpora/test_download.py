from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ser_core.errors import CorpusError
from ser_core.learning.corpora.download import fetch_ravdess

NAME = "Actor_01/03-01-05-01-01-01-01.wav"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(NAME, bytes(range(256)) * 4000)
    return buffer.getvalue()


DATA = _zip()
MD5 = hashlib.md5(DATA).hexdigest()
HALF = len(DATA) // 2


class Server(ThreadingHTTPServer):
    ranges = True
    breaks = 0  # answers that break off in the middle
    status = 200
    wrong_range = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/r.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        first = int(match[1]) if match and self.server.ranges else 0
        if match and self.server.ranges and first >= len(DATA):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(DATA)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.server.wrong_range and first:
            first, self.server.wrong_range = first - 1, False
        body = DATA[first:]
        self.send_response(206 if match and self.server.ranges else 200)
        self.send_header("Content-Length", str(len(body)))
        if match and self.server.ranges:
            self.send_header("Content-Range", f"bytes {first}-{len(DATA) - 1}/{len(DATA)}")
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def part(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "Audio_Speech_Actors_01-24.zip.part"
    path.write_bytes(data)
    return path


def whole(folder: Path) -> bool:
    return (folder / NAME).read_bytes() == bytes(range(256)) * 4000


def test_fetched_once(server: Server, tmp_path: Path) -> None:
    folder = fetch_ravdess(tmp_path / "new", server.url, MD5)
    assert whole(folder)
    assert fetch_ravdess(tmp_path / "new", server.url, MD5) == folder
    assert server.asked == [None]
    assert [path.name for path in (tmp_path / "new").iterdir()] == [folder.name]


def test_a_broken_download_is_taken_up(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    assert whole(fetch_ravdess(tmp_path, server.url, MD5))
    first, *rest = server.asked
    offsets = [int(str(asked).removeprefix("bytes=").removesuffix("-")) for asked in rest]
    assert first is None
    assert 0.4 * len(DATA) < offsets[0] <= HALF < 0.65 * len(DATA) < offsets[1] < len(DATA)


def test_a_part_of_an_earlier_call_is_taken_up(server: Server, tmp_path: Path) -> None:
    part(tmp_path, DATA[:1000])
    assert whole(fetch_ravdess(tmp_path, server.url, MD5))
    assert server.asked == ["bytes=1000-"]


def test_a_server_without_range_starts_anew(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    part(tmp_path, b"x" * 1000)
    assert whole(fetch_ravdess(tmp_path, server.url, MD5))


def test_a_whole_part_is_accepted(server: Server, tmp_path: Path) -> None:
    part(tmp_path, DATA)
    assert whole(fetch_ravdess(tmp_path, server.url, MD5))


def test_a_part_that_is_too_long_is_dropped(server: Server, tmp_path: Path) -> None:
    part(tmp_path, DATA + b"x")
    assert whole(fetch_ravdess(tmp_path, server.url, MD5))
    assert server.asked == [f"bytes={len(DATA) + 1}-", None]


def test_another_range_than_asked_for_is_not_joined(server: Server, tmp_path: Path) -> None:
    server.wrong_range = True
    part(tmp_path, DATA[:1000])
    assert whole(fetch_ravdess(tmp_path, server.url, MD5))
    assert server.asked == ["bytes=1000-", None]


def test_a_wrong_file_is_deleted(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"has the MD5 {MD5}, expected 0000"):
        fetch_ravdess(tmp_path, server.url, "0" * 32)
    assert not list(tmp_path.iterdir())


def test_a_refusal_by_the_server_is_reported(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(CorpusError, match="404"):
        fetch_ravdess(tmp_path, server.url, MD5)


def test_no_server(server: Server, tmp_path: Path) -> None:
    beginning = part(tmp_path, DATA[:1000])
    with pytest.raises(CorpusError, match="was interrupted at 1000 bytes"):
        fetch_ravdess(tmp_path, "http://127.0.0.1:1/r.zip", MD5)
    assert beginning.read_bytes() == DATA[:1000]
