"""An S3 endpoint that fails now and then: a proxy before another endpoint, with seeded faults of every kind."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BEFORE = ("throttled", "internal_error", "unavailable", "timed_out", "reset")
"""The request does not reach the store."""
AFTER = ("answer_lost", "truncated", "wrong_length", "damaged")
"""The request is done, and the answer is lost or wrong: cut, announced shorter than it is, or with a byte changed."""
KINDS = (*BEFORE, *AFTER)
UPLOADS = ("damaged_upload", "condition_lost")
"""The request reaches the store changed: a byte of its body, or without If-None-Match."""
_ANSWERS = {
    "throttled": ("SlowDown", 503),
    "internal_error": ("InternalError", 500),
    "unavailable": ("ServiceUnavailable", 503),
}


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to `endpoint_url`; `share` of them suffer each of `kinds`, as `seed` has it.

    `suffered` counts the faults by kind.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, endpoint_url: str, share: float, seed: int, kinds: Sequence[str], hang_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(endpoint_url).netloc
        self.share, self.kinds, self.hang_s = share, tuple(kinds), hang_s
        self.suffered: Counter[str] = Counter()
        self.requests = 0
        self.denied: tuple[str, str, int] | None = None
        self._lock, self._random = threading.Lock(), random.Random(seed)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def deny(self, part: str, code: str, status: int) -> None:
        """From now on, objects whose path has `part` in it are answered by this error."""
        self.denied = (part, code, status)

    def allow(self) -> None:
        """Ends what `deny` began."""
        self.denied = None

    def draw(self) -> str | None:
        """The fault of the next request, if it has one."""
        with self._lock:
            self.requests += 1
            place = int(self._random.random() / self.share) if self.share else len(self.kinds)
            return self.kinds[place] if place < len(self.kinds) else None

    def note(self, kind: str) -> None:
        with self._lock:
            self.suffered[kind] += 1

    def damaged(self, data: bytes) -> bytes:
        """`data` with one byte changed."""
        with self._lock:
            place = self._random.randrange(len(data) or 1)
        return data[:place] + bytes(byte ^ 1 for byte in data[place : place + 1]) + data[place + 1 :]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that have given up are no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.denied and self.server.denied[0] in self.path:
            self._refuse(*self.server.denied[1:])
            return
        fault = self.server.draw()
        if fault in BEFORE:
            self.server.note(fault)
            self._fail(fault)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        if fault == "damaged_upload" and self.command == "PUT" and body:
            body = self.server.damaged(body)
        if fault == "condition_lost":
            headers = {name: value for name, value in headers.items() if name.lower() != "if-none-match"}
        upstream = http.client.HTTPConnection(self.server.target, timeout=30)
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        self._answer(answer, data, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - names that the library looks for

    def _fail(self, fault: str) -> None:
        if fault in _ANSWERS:
            self._refuse(*_ANSWERS[fault])
            return
        if fault == "timed_out":
            time.sleep(self.server.hang_s)
        self._reset()

    def _refuse(self, code: str, status: int) -> None:
        data = f"<Error><Code>{code}</Code><Message>as planned</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _answer(self, answer: http.client.HTTPResponse, data: bytes, fault: str | None) -> None:
        has_body = bool(data) and self.command == "GET" and answer.status in (200, 206)
        if fault == "answer_lost":
            self.server.note(fault)
            self._reset()
            return
        if fault in ("truncated", "wrong_length", "damaged") and has_body:
            self.server.note(fault)
        else:
            fault = None
        cut = data[: len(data) // 2]
        is_xml = data[:1] == b"<"  # answers in XML have no checksum: damage their form
        damaged = b"\0" + data[1:] if is_xml else self.server.damaged(data)
        sent = {"truncated": cut, "wrong_length": cut, "damaged": damaged}.get(fault or "", data)
        length = len(cut) if fault == "wrong_length" else len(data)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                self.send_header(name, value)
        if self.command == "HEAD":
            self.send_header("Content-Length", answer.getheader("Content-Length") or "0")
        elif answer.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        if fault:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    def _reset(self) -> None:
        """Closes the connection by RST, not by FIN."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """A line a request would be too many."""


@contextmanager
def faulty(
    endpoint_url: str, share: float = 0.05, seed: int = 0, kinds: Sequence[str] = KINDS, hang_s: float = 1.5
) -> Iterator[FaultyProxy]:
    """A proxy for as long as the block lasts."""
    server = FaultyProxy(endpoint_url, share, seed, kinds, hang_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
