"""Extraction in a child process, so that a recording which breaks the decoder harms that process only.

Decoders are native code that reads untrusted files. A decoder that crashes, hangs or takes all memory would end the
Spark worker; Spark would retry the task with the same file, and the job would fail. Here the child dies, a new child
tries the recording once more, and if that fails too the recording is refused.

The child is started by exec, never by fork, so that it shares no thread or lock with its worker. Each worker keeps one
child, as starting it takes a second. A recording in a file is sent as a descriptor, a recording in memory as its bytes.
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

from ser_core.config.base import MB
from ser_core.config.isolation_settings import IsolationSettings
from ser_core.environment import COMPUTING
from ser_core.errors import IsolationError, Reason, Refusal
from ser_core.sound.augmentation import RECORDED, Condition
from ser_core.sound.extraction.extraction_plan import ExtractedRecording, ExtractionPlan

_START_S = 120.0
_TRIES = 2


class _ChildLostError(Exception):
    """The child died or was ended while it extracted a recording."""

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
            path = os.pathsep.join(entry for entry in sys.path if entry)  # with what Spark has shipped
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **COMPUTING, "PYTHONPATH": path},
            )
        self._connection: Connection[Any, Any] = Connection(ours.detach())
        try:
            self._connection.send((plan, settings.memory_mb * MB))
            started = self._connection.poll(_START_S) and self._connection.recv() == "ready"
        except (EOFError, OSError):
            started = False
        if not started:
            code = self._end()
            raise IsolationError(
                f"The process that decodes recordings did not start (`{' '.join(command[:-1])}`, exit code "
                f"{code}; its output is in the worker's stderr). To decode recordings in the worker itself, set "
                "--isolation.enabled false"
            )

    def extract(
        self,
        source: BinaryIO,
        size_bytes: int,
        roles: Mapping[int, str] | None,
        conditions: Sequence[Condition],
        name: str,
    ) -> tuple[str, Any]:
        """The child's answer: its kind and its value.

        Raises:
            IsolationError: the child cannot decode anything, as a module is missing.
            _ChildLostError: the child died, took too long or ran out of memory.
        """
        limit = self.settings.limit_s(size_bytes, len(conditions))
        try:
            self._send(source, (size_bytes, roles, tuple(conditions), name))
            if not self._connection.poll(limit):
                self.close()
                detail = f"took longer than {limit:.0f} s (isolation.base_s, isolation.s_per_mb)"
                raise _ChildLostError(Reason.DECODER_TIMEOUT, detail)
            kind, value = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from our own child
        except (EOFError, ConnectionError) as error:
            raise self._lost() from error
        if kind == "broken":
            raise IsolationError(
                f"Recordings cannot be decoded on this machine ({value}): the installation is incomplete"
            )
        if kind == "out of memory":
            self.close()  # the state of its memory is unknown
            detail = f"needs more than {self.settings.memory_mb} MB (isolation.memory_mb). {value}".strip()
            raise _ChildLostError(Reason.OUT_OF_MEMORY, detail)
        return kind, value

    def _send(self, source: BinaryIO, request: tuple[Any, ...]) -> None:
        source.seek(0)
        in_file = getattr(source, "name", None) is not None  # `fileno` would write a spool from memory to disk
        self._connection.send((*request, in_file))
        if in_file:
            send_handle(self._connection, source.fileno(), self._process.pid)
        else:
            self._connection.send_bytes(source.read())

    def _lost(self) -> _ChildLostError:
        code = self._end()
        if code == -signal.SIGKILL:
            return _ChildLostError(
                Reason.OUT_OF_MEMORY, "its process was killed, as the system does when memory runs out"
            )
        died = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return _ChildLostError(Reason.DECODER_CRASH, f"its process died {died}")

    def _end(self) -> int:
        """The exit code, as `subprocess` gives it, of a child that closed its socket. It is killed if still alive."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        self.close()
        return int(self._process.returncode)

    def close(self) -> None:
        """Ends the process, if it has not ended."""
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
    """As `ser_core.sound.extraction.extract`, in a child process that is kept for the next recording.

    Raises:
        Refusal: also where the recording has ended two children or raised an unforeseen error.
        IsolationError: no child starts.
    """
    with _lock:
        for attempt in range(1, _TRIES + 1):
            try:
                kind, value = _child(plan, settings).extract(source, size_bytes, roles, conditions, recording_id)
            except _ChildLostError as lost:
                close_child()
                if attempt == _TRIES:
                    raise Refusal(lost.reason, f"{lost.detail}; tried {_TRIES} times") from lost
            except BaseException:
                close_child()  # a task ended while waiting: the next recording must not get this answer
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
    """Ends the child that this process keeps, if any."""
    while _kept:
        _kept.pop().close()
