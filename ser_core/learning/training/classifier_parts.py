"""A classifier as plain parts, a dict of lists, arrays and scikit-learn's perceptrons, and back after checking each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ser_core.errors import BundleError
from ser_core.learning.training.classifier import EnsembleClassifier
from ser_core.learning.training.ensemble import Ensemble, Member
from ser_core.learning.training.skops_read import Perceptron
from ser_core.learning.training.standardise import Standardiser


class _UnfitError(Exception):
    """A part is not what a classifier of ours has there."""


def to_parts(classifier: EnsembleClassifier) -> dict[str, Any]:
    """`classifier` without its classes, which the manifest holds.

    Raises:
        TypeError: it was loaded from a bundle, and has no more than posteriors need.
    """
    if any(type(member.network) is Perceptron for member in classifier.members):
        raise TypeError("a classifier that was loaded cannot be written; copy its bundle")
    return {
        "temperature": classifier.temperature,
        "ensembles": [
            {
                "mean": one.standardiser.mean,
                "scale": one.standardiser.scale,
                "directions": one.standardiser.directions,
                "columns": [member.columns for member in one.members],
                "networks": [member.network for member in one.members],
            }
            for one in classifier.ensembles
        ],
    }


def from_parts(parts: Any, classes: tuple[str, ...], dimension: int) -> EnsembleClassifier:
    """The classifier of `parts`, whose posteriors are of `classes` and whose vectors have `dimension` values.

    Raises:
        BundleError: a part is missing, of another type, shape or count, or holds numbers that cannot be.
    """
    try:
        _expect(_keys(parts) == {"temperature", "ensembles"}, "its parts", "a temperature and ensembles", parts)
        temperature, ensembles = parts["temperature"], parts["ensembles"]
        _expect(isinstance(temperature, float) and 0 < temperature < np.inf, "the temperature", "above 0", temperature)
        _expect(isinstance(ensembles, list) and ensembles, "the ensembles", "one or more", ensembles)
        read = tuple(_ensemble(one, len(classes), dimension) for one in ensembles)
        classifier = EnsembleClassifier(read, temperature, classes)
        places = {tuple(member.network.classes_.tolist()) for member in classifier.members}
        _expect(len(places) == 1, "the perceptrons' classes", "the same of each", places)
    except _UnfitError as fault:
        raise BundleError(f"The classifier is none of ours: {fault}. Train it again") from None
    return classifier


def _ensemble(parts: Any, classes: int, dimension: int) -> Ensemble:
    expected = {"mean", "scale", "directions", "columns", "networks"}
    _expect(_keys(parts) == expected, "an ensemble", f"the parts {', '.join(sorted(expected))}", parts)
    columns, networks = parts["columns"], parts["networks"]
    lists = isinstance(columns, list) and isinstance(networks, list) and len(columns) == len(networks) > 0
    _expect(lists, "perceptrons and their columns", "equally many, one or more", columns)
    mean, scale = (_floats(parts[name], name, (dimension,)) for name in ("mean", "scale"))
    _expect((scale > 0).all(), "the scale", "above 0", scale)
    directions = _floats(parts["directions"], "directions", (None, dimension))
    members = zip(columns, networks, strict=True)
    return Ensemble(
        Standardiser(mean, scale, directions), tuple(_member(*member, classes, dimension) for member in members)
    )


def _member(columns: Any, network: Any, classes: int, dimension: int) -> Member:
    _expect(
        isinstance(columns, np.ndarray) and columns.dtype.kind == "i" and columns.ndim == 1 and len(columns) > 0,
        "the columns of a perceptron",
        "an array of integers",
        columns,
    )
    inside = columns[0] >= 0 and columns[-1] < dimension and (np.diff(columns) > 0).all()
    _expect(inside, "the columns of a perceptron", f"ascending, among the {dimension} its manifest names", columns)
    _expect(_is_perceptron(network), "a perceptron", "an MLPClassifier", network)
    fitted = all(hasattr(network, name) for name in ("classes_", "coefs_", "intercepts_", "n_iter_", "max_iter"))
    _expect(fitted and network.activation == "relu", "a perceptron", "fitted, of rectified linear units", network)
    _check_layers(network, len(columns), _outputs(network.classes_, classes))
    return Member(columns, network)


def _is_perceptron(network: Any) -> bool:
    if type(network) is Perceptron:
        return True
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - a second; there where one was just fitted

    return type(network) is MLPClassifier


def _outputs(places: Any, classes: int) -> int:
    """Output units of a perceptron that decides between `places`."""
    _expect(
        isinstance(places, np.ndarray)
        and places.dtype.kind == "i"
        and places.ndim == 1
        and len(places) > 1
        and (np.diff(places) > 0).all()
        and places[0] >= 0
        and places[-1] < classes,
        "a perceptron's classes",
        f"ascending places in the label scheme, which has {classes} classes",
        places,
    )
    return 1 if len(places) == 2 else len(places)


def _check_layers(network: Any, inputs: int, outputs: int) -> None:
    layers = list(_layers(network))
    _expect(len(layers) > 1, "a perceptron", "a hidden layer or more", network)
    width: int | None = inputs
    for W, b in layers:
        found = _floats(W, "a perceptron's weights", (width, None))
        width = found.shape[1]
        _floats(b, "a perceptron's intercepts", (width,))
    _expect(width == outputs, "a perceptron's outputs", str(outputs), layers[-1][1])


def _layers(network: Any) -> Iterator[tuple[Any, Any]]:
    coefs, intercepts = network.coefs_, network.intercepts_
    same = isinstance(coefs, list) and isinstance(intercepts, list) and len(coefs) == len(intercepts)
    _expect(same, "a perceptron's layers", "weights and intercepts of each", coefs)
    yield from zip(coefs, intercepts, strict=True)


def _floats(found: Any, what: str, shape: tuple[int | None, ...]) -> Any:
    is_array = isinstance(found, np.ndarray) and found.dtype == np.float32 and found.ndim == len(shape)
    fits = is_array and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    wanted = " x ".join("any" if want is None else str(want) for want in shape)
    _expect(fits, what, f"{wanted} single-precision numbers", found)
    _expect(np.isfinite(found).all(), what, "finite", found)
    return found


def _keys(parts: Any) -> set[str]:
    return set(parts) if isinstance(parts, dict) else set()


def _expect(holds: Any, what: str, expected: str, found: Any) -> None:
    if not holds:
        shown = f"shape {found.shape} of {found.dtype}" if isinstance(found, np.ndarray) else repr(found)[:80]
        raise _UnfitError(f"{what}: expected {expected}, found {type(found).__name__} {shown}")
