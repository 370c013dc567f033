"""Scheduling of tasks: what theory says of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.pipeline.planning.simulate import simulate


def test_even_tasks_that_divide_evenly_take_the_ideal_time() -> None:
    found = simulate(10.0, 40, [1.0], cores=8, failure=0.0, seeds=2)
    assert found.slowdown == pytest.approx(1.0)
    assert found.ideal_hours == pytest.approx(50 / 3600)
    assert (found.idle, found.retries) == (pytest.approx(0.0), 0)


def test_one_task_more_than_cores_takes_twice_as_long() -> None:
    assert simulate(1.0, 9, [1.0], cores=8, failure=0.0, seeds=1).slowdown == pytest.approx(2 / (9 / 8))


def test_lost_attempts_are_made_again() -> None:
    found = simulate(1.0, 4000, [1.0], cores=100, failure=0.1, seeds=3)
    # Of n tasks, n·p/(1-p) attempts are lost on average, each after half of its time.
    assert found.retries == pytest.approx(4000 / 9, rel=0.15)
    assert found.slowdown > 1.04


@given(
    tasks=st.integers(1, 200),
    cores=st.integers(1, 50),
    spread=st.lists(st.floats(0.1, 10), min_size=1, max_size=5),
)
def test_within_grahams_bounds(tasks: int, cores: int, spread: list[float]) -> None:
    # No schedule is shorter than the ideal; list scheduling is at the most the ideal and one longest task longer.
    found = simulate(1.0, tasks, spread, cores=cores, failure=0.0, seeds=1)
    ideal = found.ideal_hours * 3600
    assert found.slowdown >= 1 - 1e-9
    assert found.slowdown * ideal <= ideal + max(spread) + 1e-9


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="0 tasks"):
        simulate(1.0, 0, [1.0], cores=1, failure=0.0, seeds=1)
