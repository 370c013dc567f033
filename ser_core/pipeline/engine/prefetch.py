"""Fetches the next recordings while a worker computes the current one, within a bound of bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")

_THREADS = 4  # requests in flight per task
_AHEAD = 2 * _THREADS  # more hides no more latency, and would hold all small recordings of a task at once


def fetch_ahead(
    items: Iterable[Item], load: Callable[[Item], Loaded], cost: Callable[[Item], int], budget: int
) -> Iterator[tuple[Item, Loaded]]:
    """Yields each item with its loaded value, in order, while later items are being loaded.

    Args:
        items: what to load.
        load: runs in a thread; its exception is raised here when it is the item's turn.
        cost: bytes of an item once loaded.
        budget: bytes that may be loaded or loading at a time, the current item included. One item is always loaded,
            however large; never more than eight wait.
    """
    waiting: deque[tuple[Item, int, Future[Loaded]]] = deque()
    held = 0
    source = iter(items)
    upcoming = next(source, None)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch") as pool:
        try:
            while upcoming is not None or waiting:
                while upcoming is not None and (
                    not waiting or (len(waiting) < _AHEAD and held + cost(upcoming) <= budget)
                ):
                    size = cost(upcoming)
                    held += size
                    waiting.append((upcoming, size, pool.submit(load, upcoming)))
                    upcoming = next(source, None)
                item, size, future = waiting.popleft()
                yield item, future.result()
                held -= size
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
