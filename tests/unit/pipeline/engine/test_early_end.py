"""A signal or a stall ends the work of the main thread, but neither a request to Spark nor what must be whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from ser_core.errors import EndedError, LeaseLostError
from ser_core.pipeline.engine import early_end
from ser_core.pipeline.engine.early_end import EarlyEnd


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Iterator[EarlyEnd]:
    monkeypatch.setattr(early_end, "_AGAIN_S", 0.02)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield EarlyEnd()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def ask(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def later(call: Callable[[], object]) -> None:
    threading.Timer(0.05, call).start()


def in_spark(wait: Callable[[], None]) -> None:
    """Calls `wait` from a module of PySpark's name."""
    module = ModuleType("pyspark.waiting")
    exec("def run(wait):\n    wait()\n", module.__dict__)
    module.run(wait)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_raised_at_once(ending: EarlyEnd, number: int, code: int) -> None:
    with pytest.raises(EndedError) as caught, ending.listening():
        ask(number)
        time.sleep(5)
    assert caught.value.exit_code == code
    assert str(caught.value) == f"ended by {signal.Signals(number).name}"


def test_it_is_no_fault_of_a_recording(ending: EarlyEnd) -> None:
    with pytest.raises(EndedError), ending.listening():
        try:
            ask()
            time.sleep(5)
        except Exception:
            pytest.fail("handled as a fault")


def test_while_spark_works_its_jobs_are_cancelled_and_nothing_is_raised(ending: EarlyEnd) -> None:
    cancelled = threading.Event()
    ending.cancel_by(cancelled.set)

    def wait() -> None:
        assert cancelled.wait(5)
        raise ConnectionError("the job is cancelled")

    with pytest.raises(EndedError) as caught, ending.listening():
        later(ask)
        try:
            in_spark(wait)
        except ConnectionError as error:
            raise ending.settled(error) from error
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_a_request_that_was_no_job_is_raised_after_it(ending: EarlyEnd) -> None:
    reached = []
    with pytest.raises(EndedError), ending.listening():
        ending.cancel_by(lambda: None)
        in_spark(lambda: (ask(), time.sleep(0.2), reached.append("end of the request")))  # type: ignore[arg-type,func-returns-value]
        time.sleep(5)
    assert reached == ["end of the request"]


def test_spark_that_does_not_answer_is_left(ending: EarlyEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_end, "_TRIES", 3)
    with pytest.raises(EndedError), ending.listening():
        later(ask)
        in_spark(lambda: time.sleep(20))


def test_what_is_deferred_is_whole(ending: EarlyEnd) -> None:
    done = []
    with pytest.raises(EndedError), ending.listening():
        with ending.deferred():
            ask()
            time.sleep(0.05)
            done.append("deferred")
        done.append("after it")
    assert done == ["deferred"]


def test_what_is_allowed_within_is_not(ending: EarlyEnd) -> None:
    done = []
    with pytest.raises(EndedError), ending.listening(), ending.deferred():
        try:
            with ending.allowed():
                ask()
                time.sleep(5)
        finally:
            ask()  # once more, while it is cleared up
            time.sleep(0.05)
            done.append("cleared up")
    assert done == ["cleared up"]


def test_another_thread_ends_the_main_thread(ending: EarlyEnd) -> None:
    lost = LeaseLostError("no progress")
    with pytest.raises(LeaseLostError) as caught, ending.listening():
        later(lambda: ending.end(lost))
        time.sleep(5)
    assert caught.value is lost


def test_where_nobody_listens_jobs_are_cancelled_and_the_cause_is_kept(ending: EarlyEnd) -> None:
    cancelled, lost = threading.Event(), LeaseLostError("no progress")
    ending.cancel_by(cancelled.set)
    ending.end(lost)
    assert cancelled.wait(5)
    assert ending.settled(ConnectionError("cancelled")) is lost
    other = ConnectionError("later")
    assert ending.settled(other) is other


def test_pyspark_takes_a_signal_and_it_is_taken_back(ending: EarlyEnd) -> None:
    with pytest.raises(EndedError), ending.listening():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ending.listen()
        ask(signal.SIGINT)
        time.sleep(5)
    assert isinstance(ending.settled(KeyboardInterrupt()), EndedError)


def test_the_frame_of_a_run_needs_no_spark() -> None:
    code = "import ser_core.cli.upkeep_run, ser_core.pipeline.state.run_frame, sys; print('pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
