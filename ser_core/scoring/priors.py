"""Posteriors under other class priors than those of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_core.errors import SettingsError
from ser_core.scoring.segment_scores import Floats


@dataclass(frozen=True)
class PriorShift:
    """Posteriors under the priors of training → posteriors under other ones.

    p'(c | x) ∝ p(c | x) · prior(c) / trained(c). This is Bayes' rule where only the priors differ, not the distribution
    of the features within a class (Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new
    a priori probabilities", Neural Computation 14, 21-41, equation 2.4).

    Attributes:
        priors: new priors by class, summing to 1.
        ratio: prior(c) / trained(c), in the order of the posteriors' columns.
    """

    priors: Mapping[str, float]
    ratio: tuple[float, ...]

    def __call__(self, posteriors: Floats) -> Floats:
        """Shifted `posteriors` (n, classes), rows summing to 1, of the same dtype.

        Raises:
            ValueError: the number of classes differs.
        """
        if posteriors.ndim != 2 or posteriors.shape[1] != len(self.ratio):
            raise ValueError(f"posteriors have the shape {posteriors.shape}; expected (n, {len(self.ratio)})")
        weighted = posteriors.astype(np.float64) * self.ratio
        shifted: Floats = (weighted / weighted.sum(axis=1, keepdims=True)).astype(posteriors.dtype)
        return shifted


def prior_shift(named: Mapping[str, float] | None, manifest: Mapping[str, Any]) -> PriorShift | None:
    """The shift to the priors `named` (`scoring.priors`) for the model of a bundle's `manifest`; None without any.

    Other classes keep their share in training; all are then scaled to sum to 1. So {neutral: 2} gives neutral twice the
    weight of all training data together. Name every class to set the priors directly.

    Raises:
        SettingsError: a name is not a class of the model, or had no row in training.
    """
    if not named:
        return None
    classes = manifest["label_scheme"]["classes"]
    trained = trained_priors(manifest["training"], classes)
    unknown = sorted(name for name in named if not trained.get(name))
    if unknown:
        known = ", ".join(name for name in classes if trained[name])
        model = manifest["model_version"]
        raise SettingsError(
            [f"scoring.priors: {model} never predicts {' and '.join(unknown)}: its classes are {known}"]
        )
    weights = {name: named.get(name, trained[name]) for name in classes}
    total = sum(weights.values())
    priors = {name: weight / total for name, weight in weights.items()}
    # A class without training rows has a posterior of 0, which no ratio changes.
    return PriorShift(priors, tuple(priors[name] / trained[name] if trained[name] else 1.0 for name in classes))


def trained_priors(training: Mapping[str, Any], classes: Sequence[str]) -> dict[str, float]:
    """The priors of a model's training by class, from `training` of its manifest.

    With balanced classes, every class with rows has the same prior; otherwise priors are shares of rows.
    """
    rows = {name: float(training["rows_by_class"].get(name, 0)) for name in classes}
    if training["parameters"].get("balance_classes", False):
        rows = {name: float(count > 0) for name, count in rows.items()}
    total = sum(rows.values())
    return {name: count / total for name, count in rows.items()}
