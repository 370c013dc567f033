from __future__ import annotations

import numpy as np
import pytest

from ser_core.scoring.spans import NONE, gaps, holds, intersection, joined, total_s, union


def spans(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs, float).reshape(-1, 2)


@pytest.mark.parametrize(
    ("given", "gap_s", "expected"),
    [
        ((), 0.0, ()),
        (((1, 2),), 0.0, ((1, 2),)),
        (((3, 4), (1, 2)), 0.0, ((1, 2), (3, 4))),
        (((1, 3), (2, 4)), 0.0, ((1, 4),)),
        (((1, 2), (2, 3)), 0.0, ((1, 3),)),  # they touch
        (((1, 9), (2, 3), (4, 5)), 0.0, ((1, 9),)),  # within another
        (((1, 1), (5, 4)), 0.0, ()),  # nothing, and less than nothing
        (((1, 2), (2.5, 3), (3.6, 4)), 0.5, ((1, 3), (3.6, 4))),
    ],
)
def test_spans_are_joined(given: tuple, gap_s: float, expected: tuple) -> None:
    assert joined(spans(*given), gap_s).tolist() == spans(*expected).tolist()


def test_union_and_intersection() -> None:
    a, b = spans((0, 4), (6, 8)), spans((3, 7), (9, 10))
    assert union([a, b]).tolist() == [[0, 8], [9, 10]]
    assert intersection(a, b).tolist() == [[3, 4], [6, 7]]
    assert union([]).tolist() == intersection(a, NONE).tolist() == intersection(NONE, NONE).tolist() == []


def test_gaps_are_the_rest_of_the_recording() -> None:
    assert gaps(spans((1, 2), (5, 6)), 10).tolist() == [[0, 1], [2, 5], [6, 10]]
    assert gaps(NONE, 10).tolist() == [[0, 10]]
    assert gaps(spans((0, 10)), 10).tolist() == []
    assert gaps(spans((2, 11), (12, 13)), 10).tolist() == [[0, 2]]  # speech past the end by a rounding
    assert gaps(NONE, 0).tolist() == []


def test_a_span_holds_its_start_and_not_its_end() -> None:
    assert holds(spans((1, 2), (3, 4)), np.array([0.5, 1, 1.5, 2, 3.5, 4])).tolist() == [0, 1, 1, 0, 1, 0]
    assert holds(NONE, np.array([1.0])).tolist() == [False]


def test_total() -> None:
    assert total_s(spans((1, 2), (3, 4.5))) == 2.5
    assert total_s(NONE) == 0
