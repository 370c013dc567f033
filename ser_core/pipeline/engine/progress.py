"""How far the work is: dates that the driver has done, units that tasks have counted, or else Spark's tasks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyspark import Accumulator
from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)
_LOOK_S = 1.0

Report = Callable[[int, int], None]
"""Called with the units that are done, and all units."""


class Progress:
    """Tells the run at work how far it is."""

    def __init__(self) -> None:
        self._reports: list[Report] = []
        self._counted: tuple[Accumulator[int], int] | None = None

    @contextmanager
    def reported_to(self, report: Report) -> Iterator[None]:
        """Reports to `report` within the block."""
        self._reports.append(report)
        try:
            yield
        finally:
            self._reports.pop()

    def step(self, done: int, total: int) -> None:
        """Reports `done` of `total` units."""
        for report in self._reports[-1:]:
            report(done, total)

    @contextmanager
    def counted(self, session: SparkSession, total: int) -> Iterator[Accumulator[int]]:
        """An accumulator, to which tasks within the block add the units that they have done, of `total`."""
        count = session.sparkContext.accumulator(0)
        self._counted = (count, total)
        try:
            yield count
            self.look(session)
        finally:
            self._counted = None

    def look(self, session: SparkSession) -> None:
        """Reports what Spark has done by now."""
        counted = self._counted
        if counted is not None:
            count, total = counted
            self.step(min(int(count.value), total), total)  # a task that was repeated counts again
            return
        tracker = session.sparkContext.statusTracker()
        stages = [info for stage in tracker.getActiveStageIds() if (info := tracker.getStageInfo(stage)) is not None]
        if stages:
            self.step(sum(stage.numCompletedTasks for stage in stages), sum(stage.numTasks for stage in stages))


@contextmanager
def watched(
    look: Callable[[], None], still_s: Callable[[], float], stall_s: float, end: Callable[[], None]
) -> Iterator[None]:
    """Calls `look` every second within the block, and `end` once, where nothing has moved for `stall_s` seconds.

    Args:
        look: reports progress.
        still_s: seconds since the last progress.
        stall_s: after how many seconds a run has stalled.
        end: ends it.
    """
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(min(_LOOK_S, stall_s)):
            try:
                look()
            except Exception as error:  # the session ends or its JVM is gone: the work itself says so
                _log.debug("the progress of Spark is not known: %s", error)
            if still_s() > stall_s:
                end()
                return

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
