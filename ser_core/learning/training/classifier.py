"""The classifier: an ensemble of multilayer perceptrons over standardised features, its posteriors calibrated."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.learning.training.calibration import fit_temperature, speaker_groups
from ser_core.learning.training.ensemble import Ensemble, Member, converged, fit_ensemble, is_base, log_softmax
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, class_index

_BLOCK = 512
"""Rows at a time: what stands between two layers then fits into a processor's cache."""

_log = logging.getLogger(__name__)
Indices = npt.NDArray[np.intp]


class Classifier(Protocol):
    """Vectors → posteriors."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns: that of the label scheme."""

    def predict_proba(self, X: Floats) -> Floats:
        """Posteriors (n, classes), float32, rows summing to 1, of speaker-normalised vectors `X` (n, d)."""


@dataclass(frozen=True)
class EnsembleClassifier:
    """Perceptrons that vote by the geometric mean of their posteriors, which a `temperature` makes more or less sure.

    The first of `ensembles` heard all speakers, each of the others all but a group of them. The perceptrons' classes
    are places in `classes`, the same ones of every perceptron.
    """

    ensembles: tuple[Ensemble, ...]
    temperature: float
    classes: tuple[str, ...]

    def predict_proba(self, X: Floats) -> Floats:
        """Posteriors (n, classes), float32; a class that no training row had is 0 throughout.

        Raises:
            ValueError: `X` has not as many columns as the training data, or holds what is not finite.
        """
        width = len(self.ensembles[0].standardiser.mean)
        if X.ndim != 2 or X.shape[1] != width:
            raise ValueError(f"X has the shape {X.shape}; expected (n, {width}), as the training data had")
        if not np.isfinite(X).all():
            raise ValueError("X holds values that are not finite; expected finite features")
        posteriors = np.zeros((len(X), len(self.classes)), dtype=np.float32)
        places = self.members[0].network.classes_
        for start in range(0, len(X), _BLOCK):
            logs = mean_logs(self.ensembles, X[start : start + _BLOCK]) / np.float32(self.temperature)
            posteriors[start : start + _BLOCK, places] = np.exp(log_softmax(logs))
        return posteriors

    @property
    def members(self) -> tuple[Member, ...]:
        """All perceptrons that vote."""
        return tuple(member for ensemble in self.ensembles for member in ensemble.members)

    @property
    def converged(self) -> bool:
        """Whether each perceptron's loss stopped falling before `max_iter` epochs."""
        return converged(self.members) == len(self.members)


def mean_logs(ensembles: Sequence[Ensemble], X: Floats) -> Floats:
    """Mean over all perceptrons of the logarithms of their posteriors, float32 (n, classes), of `X` (n, d)."""
    total = ensembles[0].sum_of_logs(X)
    for ensemble in ensembles[1:]:
        total += ensemble.sum_of_logs(X)
    total /= sum(len(ensemble.members) for ensemble in ensembles)
    return total


def fit_classifier(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> EnsembleClassifier:
    """Fits the perceptrons on speaker-normalised vectors; the emotions of `data` are names in `classes`.

    One perceptron of all features, without copies and calibration, is the paper's: scikit-learn's `MLPClassifier` on
    standardised features.

    Raises:
        TrainingError: fewer than two classes, a label that is not in `classes`, or no row of a base condition.
    """
    y = class_index(data.emotion, tuple(classes))
    if len(np.unique(y)) < 2:
        raise TrainingError(f"All training rows are {data.emotion[0]}; expected two emotions or more")
    whole = fit_ensemble(data, y, settings, settings.members, 0)
    held_out, temperature = _calibrated(data, y, settings)
    classifier = EnsembleClassifier((whole, *held_out), temperature, tuple(classes))
    count, stopped = len(classifier.members), converged(classifier.members)
    if stopped < count:
        still = "the loss was still falling after training.max_iter %d epochs in %d of %d perceptrons"
        _log.debug(still, settings.max_iter, count - stopped, count)
    return classifier


def _calibrated(data: LabelledFeatures, y: Indices, settings: TrainingSettings) -> tuple[tuple[Ensemble, ...], float]:
    """An ensemble without each group of speakers, and the temperature of what they say of the speakers left out.

    Standardiser and directions are fitted anew without the group. Of a left-out speaker the base conditions count.
    """
    groups = speaker_groups(data.speaker, settings.seed) if settings.calibration_members else ()
    base, places = is_base(data), np.unique(y)
    ensembles, logs, truths = [], [], []
    for number, group in enumerate(groups, start=1):
        if not np.isin(places, y[~group & base]).all() or not (group & base).any():
            _log.info(
                "speakers %s are not left out for calibration: they alone have an emotion, or none of the base "
                "conditions",
                ", ".join(np.unique(data.speaker[group]).tolist()),
            )
            continue
        ensemble = fit_ensemble(data.take(~group), y[~group], settings, settings.calibration_members, number)
        ensembles.append(ensemble)
        logs.append(mean_logs([ensemble], data.X[group & base]))
        truths.append(np.searchsorted(places, y[group & base]))
    if not ensembles:
        return (), 1.0
    return tuple(ensembles), fit_temperature(np.concatenate(logs), np.concatenate(truths))
