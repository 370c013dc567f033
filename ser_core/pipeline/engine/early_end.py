"""The early end of a run, by a signal or because it stands still: its jobs on Spark are cancelled, then it raises."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ser_core.errors import EndedError

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_AGAIN_S = 0.5
_TRIES = 60  # half a minute: then Spark does not answer, and the run ends without it

Cancel = Callable[[], None]


class EarlyEnd:
    """Ends the work of the main thread early.

    An error raised in the middle of a request to the JVM would leave its answer to the next request. So while the main
    thread waits for Spark, all jobs are cancelled, which makes Spark raise; the error is raised when it does not.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancel: Cancel | None = None
        self._reset()

    def _reset(self) -> None:
        self._cause: BaseException | None = None
        self._listening = self._raised = self._forced = False
        self._deferred = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Ends by SIGTERM and SIGINT within the block. Does nothing within such a block, or in another thread.

        Raises:
            EndedError: a signal has come.
        """
        if self._listening or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        self._reset()
        self._listening = True
        self.listen()
        try:
            yield
        finally:
            with self._lock:
                self._listening = False
            for number, handler in before.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Takes the signals again: PySpark takes SIGINT for itself when its session starts."""
        if self._listening and threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._on_signal)

    def cancel_by(self, cancel: Cancel) -> None:
        """How running jobs of Spark are cancelled, from any thread."""
        self._cancel = cancel

    def end(self, cause: BaseException) -> None:
        """Makes the main thread raise `cause`, from any thread. Where nobody listens, jobs are cancelled only."""
        if self._cause is None:
            self._cause = cause
            self._start()

    def settled(self, error: BaseException) -> BaseException:
        """What the run ends with: the cause of its early end, or `error`. The cause is not raised a second time."""
        if self._cause is None:
            return EndedError(signal.SIGINT) if isinstance(error, KeyboardInterrupt) else error
        cause, self._raised = self._cause, True
        if not self._listening:
            self._reset()
        return cause

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Raises at the end of the block, not within it: for what must be whole, such as taking and leaving a lease.

        Like `allowed`, it does nothing in another thread, which gets no signals.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1
        self._raise_pending()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Lifts `deferred` within the block."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before, self._deferred = self._deferred, 0
        try:
            self._raise_pending()
            yield
        finally:
            self._deferred = before

    def _raise_pending(self) -> None:
        if self._cause is not None and self._listening and not self._raised and not self._deferred:
            self._raised = True
            raise self._cause

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        first = self._cause is None
        if first:
            self._cause = EndedError(number)
        if not _waits_for_spark(frame) or self._forced:
            self._raise_pending()
        elif first:
            self._start()

    def _start(self) -> None:
        threading.Thread(target=self._press, name="early-end", daemon=True).start()

    def _press(self) -> None:
        """Cancels jobs and signals to the main thread, until it has raised."""
        main, cause = threading.main_thread().ident, self._cause
        for attempt in range(_TRIES):
            self._forced = attempt == _TRIES - 1
            if self._cancel is not None:
                try:
                    self._cancel()
                except Exception as error:  # the JVM may be gone already
                    _log.debug("jobs could not be cancelled: %s", error)
            with self._lock:
                if self._raised or not self._listening or self._cause is not cause or main is None:
                    return
                signal.pthread_kill(main, signal.SIGTERM)
            time.sleep(_AGAIN_S)


EARLY_END = EarlyEnd()
"""Of this process: signals and the main thread are there once."""


def _waits_for_spark(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in {"pyspark", "py4j"}:
            return True
        frame = frame.f_back
    return False
