from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ser_core.errors import SettingsError
from ser_core.scoring.priors import PriorShift, prior_shift, trained_priors

CLASSES = ("neutral", "happy", "angry")


def manifest(rows: dict[str, int], *, balanced: bool) -> dict[str, Any]:
    return {
        "model_version": "emotions/3",
        "label_scheme": {"classes": list(CLASSES)},
        "training": {"rows_by_class": rows, "parameters": {"balance_classes": balanced}},
    }


EVEN = manifest({"neutral": 50, "happy": 100, "angry": 50}, balanced=True)
UNEVEN = manifest({"neutral": 50, "happy": 100, "angry": 50}, balanced=False)


def shift_to(named: dict[str, float], of: dict[str, Any] = EVEN) -> PriorShift:
    result = prior_shift(named, of)
    assert result is not None
    return result


def test_balanced_classes_weigh_the_same_and_others_by_their_rows() -> None:
    assert trained_priors(EVEN["training"], CLASSES) == pytest.approx(dict.fromkeys(CLASSES, 1 / 3))
    assert trained_priors(UNEVEN["training"], CLASSES) == {"neutral": 0.25, "happy": 0.5, "angry": 0.25}
    unstated = {"rows_by_class": {"neutral": 3, "angry": 1}, "parameters": {}}
    assert trained_priors(unstated, CLASSES) == {"neutral": 0.75, "happy": 0, "angry": 0.25}


def test_posteriors_follow_bayes_rule() -> None:
    """Two likelihoods under known priors, by hand: p(x|c) of .2, .6, .3."""
    trained, wanted = np.array([0.25, 0.5, 0.25]), np.array([0.8, 0.1, 0.1])
    likelihood = np.array([0.2, 0.6, 0.3])
    before, after = (likelihood * priors / (likelihood @ priors) for priors in (trained, wanted))
    shift = shift_to({"neutral": 8, "happy": 1, "angry": 1}, UNEVEN)
    assert shift(before[np.newaxis])[0] == pytest.approx(after)
    assert dict(shift.priors) == pytest.approx({"neutral": 0.8, "happy": 0.1, "angry": 0.1})


def test_a_class_that_is_not_named_enters_with_its_share_in_training() -> None:
    shift = shift_to({"neutral": 2.0}, UNEVEN)  # 2, .5 and .25
    assert dict(shift.priors) == pytest.approx({"neutral": 8 / 11, "happy": 2 / 11, "angry": 1 / 11})
    result = shift(np.array([[0.2, 0.5, 0.3]]))[0]
    assert result[1] / result[2] == pytest.approx(0.5 / 0.3)  # their proportion stays


def test_the_order_of_names_is_of_no_account() -> None:
    posteriors = np.array([[0.2, 0.5, 0.3]])
    one, other = shift_to({"neutral": 3.0, "angry": 1.0}), shift_to({"angry": 1.0, "neutral": 3.0})
    assert one(posteriors).tolist() == other(posteriors).tolist()


def test_nothing_named_is_no_shift() -> None:
    assert prior_shift(None, EVEN) is None
    assert prior_shift({}, EVEN) is None


def test_the_kind_of_float_stays() -> None:
    assert shift_to({"neutral": 3.0})(np.array([[0.2, 0.5, 0.3]], np.float32)).dtype == np.float32


def test_a_class_without_rows_stays_impossible() -> None:
    shift = shift_to({"neutral": 3.0}, manifest({"neutral": 5, "angry": 5}, balanced=True))
    assert shift(np.array([[0.5, 0.0, 0.5]]))[0] == pytest.approx([6 / 7, 0, 1 / 7])
    assert shift.priors["happy"] == 0


@pytest.mark.parametrize("rows", [{"neutral": 5, "angry": 5}, {"neutral": 5, "happy": 5, "angry": 5}])
def test_an_emotion_that_the_model_never_predicts_is_refused(rows: dict[str, int]) -> None:
    wrong = "happy" if "happy" not in rows else "bored"
    with pytest.raises(SettingsError, match=f"emotions/3 never predicts {wrong}: its classes are neutral, .*angry"):
        prior_shift({wrong: 0.2, "neutral": 0.8}, manifest(rows, balanced=True))


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 3\)"):
        shift_to({"neutral": 3.0})(np.zeros((2, 4)))
