"""How often emotions occur in calls, where that is not how often they occurred in training."""

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

    p'(c | x) ∝ p(c | x) · prior(c) / trained(c), which is Bayes' rule where only the priors differ, and each emotion
    sounds as it did in training (Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a
    priori probabilities", Neural Computation 14, 21-41, equation 2.4).

    Attributes:
        priors: in force, by class, summing to 1.
        ratio: prior(c) / trained(c), in the order of the posteriors' columns.
    """

    priors: Mapping[str, float]
    ratio: tuple[float, ...]

    def __call__(self, posteriors: Floats) -> Floats:
        """Posteriors (n, classes), rows summing to 1, of the same kind of float as those given.

        Raises:
            ValueError: there are other classes.
        """
        if posteriors.ndim != 2 or posteriors.shape[1] != len(self.ratio):
            raise ValueError(f"posteriors have the shape {posteriors.shape}; expected (n, {len(self.ratio)})")
        weighted = posteriors.astype(np.float64) * self.ratio
        shifted: Floats = (weighted / weighted.sum(axis=1, keepdims=True)).astype(posteriors.dtype)
        return shifted


def prior_shift(named: Mapping[str, float] | None, manifest: Mapping[str, Any]) -> PriorShift | None:
    """The shift to `named` (`scoring.priors`) for the model of a bundle's `manifest`; None where nothing is named.

    A class that is not named enters with its share in training; all are then scaled to sum to 1. So {neutral: 2} makes
    neutral twice as frequent as all of training together; name every class to give shares as they are.

    Raises:
        SettingsError: a name is none of the model's classes, or training had no row of it.
    """
    if not named:
        return None
    classes = manifest["label_scheme"]["classes"]
    trained = trained_priors(manifest["training"], classes)
    unknown = sorted(name for name in named if not trained.get(name))
    if unknown:
        known = ", ".join(name for name in classes if trained[name])
        heard = f"{manifest['model_version']} never names {' and '.join(unknown)}: it has {known}"
        raise SettingsError([f"scoring.priors: {heard}"])
    wanted = {name: named.get(name, trained[name]) for name in classes}
    total = sum(wanted.values())
    priors = {name: value / total for name, value in wanted.items()}
    # A class without a row has a posterior of 0, and keeps it whatever it is multiplied with.
    return PriorShift(priors, tuple(priors[name] / trained[name] if trained[name] else 1.0 for name in classes))


def trained_priors(training: Mapping[str, Any], classes: Sequence[str]) -> dict[str, float]:
    """The priors a model was trained under, from its manifest's `training`, by class.

    With balanced classes every class that has rows weighs the same; otherwise its rows tell.
    """
    rows = {name: float(training["rows_by_class"].get(name, 0)) for name in classes}
    if training["parameters"].get("balance_classes", False):
        rows = {name: float(count > 0) for name, count in rows.items()}
    total = sum(rows.values())
    return {name: count / total for name, count in rows.items()}
