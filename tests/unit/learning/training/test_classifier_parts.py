from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from ser_core.config.settings import TrainingSettings
from ser_core.errors import BundleError
from ser_core.learning.training.classifier import fit_classifier
from ser_core.learning.training.classifier_parts import from_parts, to_parts
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.skops_io import dump_classifier, load_classifier

CLASSES = ("neutral", "happy", "sad", "angry")
Parts = dict[str, Any]


@pytest.fixture(scope="module")
def parts(copied: LabelledFeatures, voting: TrainingSettings) -> Parts:
    return to_parts(fit_classifier(copied, CLASSES, voting))


def test_parts_are_the_classifier(parts: Parts, copied: LabelledFeatures) -> None:
    one = from_parts(parts, CLASSES, 10)
    again = load_classifier(dump_classifier(one), CLASSES, 10)
    np.testing.assert_array_equal(again.predict_proba(copied.X), one.predict_proba(copied.X))
    assert (again.temperature, again.converged) == (one.temperature, one.converged)


def test_two_of_three_classes(planted: LabelledFeatures, voting: TrainingSettings) -> None:
    two = planted.take(np.isin(planted.emotion, ["happy", "angry"]))
    one = fit_classifier(two, CLASSES, voting)
    again = load_classifier(dump_classifier(one), CLASSES, 10)
    np.testing.assert_array_equal(again.predict_proba(two.X), one.predict_proba(two.X))


def test_a_file_is_hardly_larger_than_the_weights(planted: LabelledFeatures, voting: TrainingSettings) -> None:
    """Weights are single, and nothing of the fitting's state is kept."""
    classifier = fit_classifier(planted, CLASSES, voting.model_copy(update={"hidden_layers": (1000,), "max_iter": 1}))
    weights = sum(W.nbytes for member in classifier.members for W in member.network.coefs_)
    assert len(dump_classifier(classifier)) < weights + 60_000 * len(classifier.members)
    assert classifier.members[0].network.coefs_[0].dtype == np.float32


def _set(*path: Any) -> Callable[[Parts], None]:
    *way, last, value = path

    def change(parts: Parts) -> None:
        target: Any = parts
        for key in way:
            target = getattr(target, key) if isinstance(key, str) and not isinstance(target, dict) else target[key]
        if isinstance(target, dict | list):
            target[last] = value
        else:
            setattr(target, last, value)

    return change


FIRST = ("ensembles", 0)
NETWORK = (*FIRST, "networks", 0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_set("temperature", 0.0), "the temperature: expected above 0"),
        (_set("temperature", float("nan")), "the temperature: expected above 0"),
        (_set("temperature", "1"), "the temperature: expected above 0"),
        (_set("further", 1), "expected a temperature and ensembles"),
        (_set("ensembles", []), "the ensembles: expected one or more"),
        (_set(*FIRST, {}), "an ensemble: expected the parts"),
        (_set(*FIRST, "mean", np.zeros(9, np.float32)), "mean: expected 10 single-precision"),
        (_set(*FIRST, "mean", np.zeros(10)), "mean: expected 10 single-precision"),
        (_set(*FIRST, "mean", np.full(10, np.nan, np.float32)), "mean: expected finite"),
        (_set(*FIRST, "scale", np.zeros(10, np.float32)), "the scale: expected above 0"),
        (_set(*FIRST, "directions", np.zeros((2, 9), np.float32)), "directions: expected any x 10"),
        (_set(*FIRST, "columns", []), "equally many, one or more"),
        (_set(*FIRST, "networks", []), "equally many, one or more"),
        (_set(*FIRST, "columns", 0, np.arange(6.0)), "expected an array of integers"),
        (_set(*FIRST, "columns", 0, np.array([0, 1, 2, 3, 4, 10])), "ascending, among the 10"),
        (_set(*FIRST, "columns", 0, np.array([-1, 1, 2, 3, 4, 5])), "ascending, among the 10"),
        (_set(*FIRST, "columns", 0, np.array([0, 1, 1, 3, 4, 5])), "ascending, among the 10"),
        (_set(*FIRST, "columns", 0, np.arange(5)), "weights: expected 5 x any"),
        (_set(*FIRST, "networks", 0, MLPRegressor()), "expected an MLPClassifier"),
        (_set(*NETWORK, "activation", "tanh"), "of rectified linear units"),
        (_set(*NETWORK, "classes_", np.array([0, 1, 2, 4])), "which has 4 classes"),
        (_set(*NETWORK, "classes_", np.array([0, 2, 1, 3])), "ascending indices"),
        (_set(*NETWORK, "classes_", np.array([1])), "ascending indices"),
        (_set(*NETWORK, "classes_", np.array([0, 1, 2])), "outputs: expected 3"),
        (_set(*NETWORK, "coefs_", []), "weights and intercepts of each"),
        (_set(*NETWORK, "coefs_", 1, np.zeros((15, 4), np.float32)), "weights: expected 16 x any"),
        (_set(*NETWORK, "coefs_", 0, np.full((6, 16), np.inf, np.float32)), "weights: expected finite"),
        (_set(*NETWORK, "intercepts_", 0, np.zeros(3, np.float32)), "intercepts: expected 16"),
        (_set(*NETWORK, "coefs_", 0, np.zeros((6, 16))), "weights: expected 6 x any single-precision"),
    ],
)
def test_parts_that_do_not_fit(parts: Parts, change: Callable[[Parts], None], expected: str) -> None:
    changed = copy.deepcopy(parts)
    change(changed)
    with pytest.raises(BundleError, match=f"not of this package: .*{expected}"):
        from_parts(changed, CLASSES, 10)


def test_other_classes_in_one_perceptron(parts: Parts, planted: LabelledFeatures, quick: TrainingSettings) -> None:
    changed = copy.deepcopy(parts)
    fewer = to_parts(fit_classifier(planted.take(planted.emotion != "sad"), CLASSES, quick))
    changed["ensembles"].append(fewer["ensembles"][0])
    with pytest.raises(BundleError, match="classes: expected the same of each"):
        from_parts(changed, CLASSES, 10)


def test_no_parts_at_all() -> None:
    for nothing in (None, [], 3):
        with pytest.raises(BundleError, match="not of this package"):
            from_parts(nothing, CLASSES, 10)
