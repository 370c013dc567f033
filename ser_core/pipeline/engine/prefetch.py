"""Bringing recordings to a worker: the next ones are fetched while the present one is computed, bounded in bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")

_THREADS = 4  # requests in flight a task
_AHEAD = 2 * _THREADS  # more than this hides no more latency, and would hold a task's small recordings all at once


def fetch_ahead(
    items: Iterable[Item], load: Callable[[Item], Loaded], cost: Callable[[Item], int], budget: int
) -> Iterator[tuple[Item, Loaded]]:
    """Yields each item with what `load` made of it, in order, while later ones are being loaded.

    Args:
        items: what to load.
        load: runs in a thread; an exception it raises is raised here, in its item's turn.
        cost: bytes an item will hold once loaded.
        budget: bytes that may be loaded or loading at a time, the present item included; one item is always loaded,
            however large, and never more than eight.
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
