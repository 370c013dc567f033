from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ser_core.emotions import EMOTIONS
from ser_core.scoring.priors import PriorShift, prior_shift, trained_priors

CLASSES = EMOTIONS[:5]
counts = st.fixed_dictionaries({name: st.integers(1, 1000) for name in CLASSES})
weights = st.dictionaries(st.sampled_from(CLASSES), st.floats(1e-3, 1e3), min_size=1)
weightings = hnp.arrays(np.float64, (6, len(CLASSES)), elements=st.floats(1e-6, 1)).map(
    lambda drawn: drawn / drawn.sum(axis=1, keepdims=True)
)


def manifest(rows: dict[str, int], balanced: bool) -> dict[str, Any]:
    training = {"rows_by_class": rows, "parameters": {"balance_classes": balanced}}
    return {"model_version": "m/1", "label_scheme": {"classes": list(CLASSES)}, "training": training}


def shifted(named: dict[str, float], rows: dict[str, int], balanced: bool) -> PriorShift:
    result = prior_shift(named, manifest(rows, balanced))
    assert result is not None
    return result


@given(counts, st.booleans(), weights, weightings)
def test_rows_sum_to_one(rows: dict[str, int], balanced: bool, named: dict[str, float], posteriors: np.ndarray) -> None:
    shift = shifted(named, rows, balanced)
    result = shift(posteriors)
    assert result.sum(axis=1) == pytest.approx(np.ones(6))
    assert (result > 0).all()
    assert sum(shift.priors.values()) == pytest.approx(1)


@given(counts, st.booleans(), st.sets(st.sampled_from(CLASSES), min_size=1), weightings)
def test_the_priors_of_training_change_nothing(
    rows: dict[str, int], balanced: bool, named: set[str], posteriors: np.ndarray
) -> None:
    trained = trained_priors(manifest(rows, balanced)["training"], CLASSES)
    result = shifted({name: trained[name] for name in named}, rows, balanced)(posteriors)
    assert result == pytest.approx(posteriors)


@given(counts, st.booleans(), weights, weightings, st.floats(1e-2, 1e2))
def test_of_all_classes_only_the_proportions_count(
    rows: dict[str, int], balanced: bool, named: dict[str, float], posteriors: np.ndarray, factor: float
) -> None:
    whole = {name: named.get(name, 1.0) for name in CLASSES}
    scaled = {name: factor * value for name, value in whole.items()}
    assert shifted(whole, rows, balanced)(posteriors) == pytest.approx(shifted(scaled, rows, balanced)(posteriors))


@given(counts, st.booleans(), weights, weights, weightings)
def test_each_of_two_shifts_can_be_reached_through_the_other(
    rows: dict[str, int], balanced: bool, prior: dict[str, float], other: dict[str, float], posteriors: np.ndarray
) -> None:
    """What was shifted to one set of priors, seen as a model trained under those, and shifted on to another."""
    first, second = shifted(prior, rows, balanced), shifted(other, rows, balanced)
    onward = PriorShift(second.priors, tuple(second.priors[name] / first.priors[name] for name in CLASSES))
    assert onward(first(posteriors)) == pytest.approx(second(posteriors))
