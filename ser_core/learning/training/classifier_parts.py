"""A classifier as plain parts (a dict of lists, arrays and perceptrons), and back after a check of each part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ser_core.errors import BundleError
from ser_core.learning.training.classifier import EnsembleClassifier
from ser_core.learning.training.ensemble import Ensemble, Member
from ser_core.learning.training.skops_read import Perceptron
from ser_core.learning.training.standardise import Standardiser


class _UnfitError(Exception):
    """A part that no classifier written here has."""


def to_parts(classifier: EnsembleClassifier) -> dict[str, Any]:
    """`classifier` without its classes, which the manifest holds.

    Raises:
        TypeError: it was loaded from a bundle, and holds only what posteriors need.
    """
    if any(type(member.network) is Perceptron for member in classifier.members):
        raise TypeError("a classifier loaded from a bundle cannot be written; copy its bundle")
    return {
        "temperature": classifier.temperature,
        "ensembles": [
            {
                "mean": ensemble.standardiser.mean,
                "scale": ensemble.standardiser.scale,
                "directions": ensemble.standardiser.directions,
                "columns": [member.columns for member in ensemble.members],
                "networks": [member.network for member in ensemble.members],
            }
            for ensemble in classifier.ensembles
        ],
    }


def from_parts(parts: Any, classes: tuple[str, ...], dimension: int) -> EnsembleClassifier:
    """The classifier of `parts`, whose posteriors are of `classes` and whose vectors have `dimension` values.

    Raises:
        BundleError: a part is missing, has another type, shape or count, or holds impossible numbers.
    """
    try:
        _expect(_keys(parts) == {"temperature", "ensembles"}, "its parts", "a temperature and ensembles", parts)
        temperature, ensembles = parts["temperature"], parts["ensembles"]
        _expect(isinstance(temperature, float) and 0 < temperature < np.inf, "the temperature", "above 0", temperature)
        _expect(isinstance(ensembles, list) and ensembles, "the ensembles", "one or more", ensembles)
        read = _shared(tuple(_ensemble(ensemble, len(classes), dimension) for ensemble in ensembles))
        classifier = EnsembleClassifier(read, temperature, classes)
        columns = {tuple(member.network.classes_.tolist()) for member in classifier.members}
        _expect(len(columns) == 1, "the perceptrons' classes", "the same of each", columns)
    except _UnfitError as fault:
        raise BundleError(f"The classifier is not of this package: {fault}. Train it again") from None
    return classifier


def _shared(ensembles: tuple[Ensemble, ...]) -> tuple[Ensemble, ...]:
    """The same ensembles; those that standardise as the first does share its standardiser."""
    first = ensembles[0].standardiser
    return tuple(
        replace(ensemble, standardiser=first)
        if all(np.array_equal(getattr(ensemble.standardiser, f.name), getattr(first, f.name)) for f in fields(first))
        else ensemble
        for ensemble in ensembles
    )


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
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - takes a second; loaded already where one was just fitted

    return type(network) is MLPClassifier


def _outputs(columns: Any, classes: int) -> int:
    """Output units of a perceptron whose classes are `columns` of the label scheme."""
    _expect(
        isinstance(columns, np.ndarray)
        and columns.dtype.kind == "i"
        and columns.ndim == 1
        and len(columns) > 1
        and (np.diff(columns) > 0).all()
        and columns[0] >= 0
        and columns[-1] < classes,
        "a perceptron's classes",
        f"ascending indices into the label scheme, which has {classes} classes",
        columns,
    )
    return 1 if len(columns) == 2 else len(columns)


def _check_layers(network: Any, inputs: int, outputs: int) -> None:
    layers = list(_layers(network))
    _expect(len(layers) > 1, "a perceptron", "a hidden layer or more", network)
    width: int | None = inputs
    for W, b in layers:
        width = _floats(W, "a perceptron's weights", (width, None)).shape[1]
        _floats(b, "a perceptron's intercepts", (width,))
    _expect(width == outputs, "a perceptron's outputs", str(outputs), layers[-1][1])


def _layers(network: Any) -> Iterator[tuple[Any, Any]]:
    coefs, intercepts = network.coefs_, network.intercepts_
    same = isinstance(coefs, list) and isinstance(intercepts, list) and len(coefs) == len(intercepts)
    _expect(same, "a perceptron's layers", "weights and intercepts of each", coefs)
    yield from zip(coefs, intercepts, strict=True)


def _floats(value: Any, what: str, shape: tuple[int | None, ...]) -> Any:
    is_array = isinstance(value, np.ndarray) and value.dtype == np.float32 and value.ndim == len(shape)
    fits = is_array and all(size in (None, actual) for size, actual in zip(shape, value.shape, strict=True))
    expected = " x ".join("any" if size is None else str(size) for size in shape)
    _expect(fits, what, f"{expected} single-precision numbers", value)
    _expect(np.isfinite(value).all(), what, "finite", value)
    return value


def _keys(parts: Any) -> set[str]:
    return set(parts) if isinstance(parts, dict) else set()


def _expect(holds: Any, what: str, expected: str, value: Any) -> None:
    if not holds:
        shown = f"shape {value.shape} of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)[:80]
        raise _UnfitError(f"{what}: expected {expected}, found {type(value).__name__} {shown}")
