"""Extraction in a child process: what a recording does to a decoder, it does to that process alone.

Decoders are native code that reads what strangers write. One that crashes, hangs or takes all memory would take the
Spark worker along, the task would be tried again with the same file, and the job would fail. Here the child dies, a new
one tries the recording once more alone, and then it is refused.

The child is started by exec, never by a fork, so that it shares no thread or lock with its worker. One is kept a
process, since its start takes a second. A recording in a file goes over as a descriptor, one in memory as its bytes.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any, BinaryIO

from ser_core.config.isolation_settings import IsolationSettings
from ser_core.environment import COMPUTING
from ser_core.errors import IsolationError, Reason, Refusal
from ser_core.sound.augmentation import RECORDED, Condition
from ser_core.sound.extraction.extraction_plan import ExtractedRecording, ExtractionPlan

_START_S = 120.0
_MB = 2**20
_TRIES = 2


class _ChildLostError(Exception):
    """The child is gone, or was ended, over a recording."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(detail)


class Child:
    """A process that extracts one recording at a time by `plan`.

    Raises:
        IsolationError: it does not start.
    """

    def __init__(self, plan: ExtractionPlan, settings: IsolationSettings) -> None:
        self.plan, self.settings = plan, settings
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "ser_core.sound.extraction.child", str(theirs.fileno())]
            path = os.pathsep.join(entry for entry in sys.path if entry)  # what Spark has shipped is there too
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **COMPUTING, "PYTHONPATH": path},
            )
        self._connection: Connection[Any, Any] = Connection(ours.detach())
        try:
            self._connection.send((plan, settings.memory_mb * _MB))
            started = self._connection.poll(_START_S) and self._connection.recv() == "ready"
        except (EOFError, OSError):
            started = False
        if not started:
            code = self._end()
            raise IsolationError(
                f"The process that decodes recordings did not start (`{' '.join(command[:-1])}`, exit code "
                f"{code}; what it said is in the worker's stderr). Recordings are decoded in the "
                "worker itself with --isolation.enabled false"
            )

    def extract(
        self,
        source: BinaryIO,
        size_bytes: int,
        roles: Mapping[int, str] | None,
        conditions: Sequence[Condition],
        name: str,
    ) -> tuple[str, Any]:
        """What the child answers.

        Raises:
            IsolationError: it cannot decode anything, as a module is missing.
            _ChildLostError: it died, or took longer than it may.
        """
        limit = self.settings.limit_s(size_bytes, len(conditions))
        try:
            self._send(source, (size_bytes, roles, tuple(conditions), name))
            if not self._connection.poll(limit):
                self.close()
                told = f"took longer than {limit:.0f} s (isolation.base_s, isolation.s_per_mb)"
                raise _ChildLostError(Reason.DECODER_TIMEOUT, told)
            kind, value = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from our own child
        except (EOFError, ConnectionError) as error:
            raise self._lost() from error
        if kind == "broken":
            raise IsolationError(
                f"Recordings cannot be decoded on this machine ({value}): the installation is incomplete"
            )
        if kind == "out of memory":
            self.close()  # what is left of its memory, nobody knows
            told = f"needs more than {self.settings.memory_mb} MB (isolation.memory_mb). {value}".strip()
            raise _ChildLostError(Reason.OUT_OF_MEMORY, told)
        return kind, value

    def _send(self, source: BinaryIO, request: tuple[Any, ...]) -> None:
        source.seek(0)
        in_file = getattr(source, "name", None) is not None  # a spool in memory would go to disk for its `fileno`
        self._connection.send((*request, in_file))
        if in_file:
            send_handle(self._connection, source.fileno(), self._process.pid)
        else:
            self._connection.send_bytes(source.read())

    def _lost(self) -> _ChildLostError:
        code = self._end()
        if code == -signal.SIGKILL:
            return _ChildLostError(
                Reason.OUT_OF_MEMORY, "its process was killed, as a system does that has no memory left"
            )
        died = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return _ChildLostError(Reason.DECODER_CRASH, f"its process died {died}")

    def _end(self) -> int:
        """The exit code of a child that has hung up, as `subprocess` gives it; killed where it is slow to go."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        self.close()
        return int(self._process.returncode)

    def close(self) -> None:
        """Ends the process; nothing happens where it has ended."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


_lock = threading.Lock()
_kept: list[Child] = []


def extract_isolated(
    source: BinaryIO,
    size_bytes: int,
    plan: ExtractionPlan,
    settings: IsolationSettings,
    roles: Mapping[int, str] | None = None,
    conditions: Sequence[Condition] = (RECORDED,),
    recording_id: str = "",
) -> ExtractedRecording:
    """As `ser_core.sound.extraction.extract_recording`, in a child process that this one keeps.

    Raises:
        Refusal: also where the recording has brought two children down, or an unforeseen error about.
        IsolationError: no child starts.
    """
    with _lock:
        for tried in range(1, _TRIES + 1):
            try:
                kind, value = _child(plan, settings).extract(source, size_bytes, roles, conditions, recording_id)
            except _ChildLostError as lost:
                close_child()
                if tried == _TRIES:
                    raise Refusal(lost.reason, f"{lost.detail}; tried {_TRIES} times") from lost
            except BaseException:
                close_child()  # a task that was ended while it waited: the answer must not go to the next recording
                raise
            else:
                break
    if kind == "refused":
        raise Refusal(*value)
    if kind == "failed":
        raise Refusal(Reason.DECODER_CRASH, value)
    extracted: ExtractedRecording = value
    return extracted


def _child(plan: ExtractionPlan, settings: IsolationSettings) -> Child:
    if _kept and (_kept[0].plan, _kept[0].settings) != (plan, settings):
        close_child()
    if not _kept:
        _kept.append(Child(plan, settings))
    return _kept[0]


@atexit.register
def close_child() -> None:
    """Ends the child that this process keeps, where there is one."""
    while _kept:
        _kept.pop().close()
