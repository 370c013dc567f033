"""Fetching ahead: in order, within the budget, and honest about errors."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.pipeline.engine.prefetch import fetch_ahead


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 60))
def test_every_item_comes_once_in_order(sizes: list[int], budget: int) -> None:
    items = list(enumerate(sizes))
    found = list(fetch_ahead(items, lambda item: item[0] * 2, lambda item: item[1], budget))
    assert found == [(item, item[0] * 2) for item in items]


@pytest.mark.parametrize(
    ("sizes", "budget", "most"),
    [([10] * 6, 30, 3), ([10] * 6, 10, 1), ([10] * 6, 5, 1), ([40, 1, 1], 41, 2)],
)
def test_what_is_loaded_stays_within_the_budget(sizes: list[int], budget: int, most: int) -> None:
    held = 0
    peak = 0
    lock = threading.Lock()

    def load(item: int) -> int:
        nonlocal held, peak
        with lock:
            held += 1
            peak = max(peak, held)
        return item

    for _ in fetch_ahead(range(len(sizes)), load, lambda item: sizes[item], budget):
        with lock:
            assert held <= most
            held -= 1
    assert peak <= most


def test_the_next_item_loads_while_the_present_one_is_used() -> None:
    second = threading.Event()

    def load(item: int) -> int:
        if item == 1:
            second.set()
        return item

    ahead = fetch_ahead([0, 1], load, lambda item: 1, 2)
    next(ahead)
    assert second.wait(5)
    assert list(ahead) == [(1, 1)]


def test_an_error_is_raised_in_its_items_turn() -> None:
    def load(item: int) -> int:
        if item == 1:
            raise OSError("gone")
        return item

    ahead = fetch_ahead([0, 1, 2], load, lambda item: 1, 10)
    assert next(ahead) == (0, 0)
    with pytest.raises(OSError, match="gone"):
        next(ahead)


def test_leaving_early_leaves_no_thread_waiting() -> None:
    started: list[int] = []
    ahead = fetch_ahead(range(1000), lambda item: started.append(item), lambda item: 1, 2)
    next(ahead)
    ahead.close()
    assert len(started) <= 2


def test_small_items_do_not_fill_the_budget() -> None:
    started: list[int] = []
    ahead = fetch_ahead(range(1000), lambda item: started.append(item), lambda item: 1, 10**9)
    for _ in range(3):
        next(ahead)
    ahead.close()
    assert len(started) <= 10
