"""The classifier: multilayer perceptrons on standardised features, with calibrated posteriors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.learning.training.calibration import fit_temperature, speaker_groups
from ser_core.learning.training.ensemble import Ensemble, Member, converged, fit_ensemble, is_base, log_softmax
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, class_index

_BLOCK = 256
"""Rows at a time, so that the activations of a layer fit into the processor's cache."""

_log = logging.getLogger(__name__)
Indices = npt.NDArray[np.intp]


class Classifier(Protocol):
    """Vectors → posteriors."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names in the order of the label scheme, which is that of the posteriors' columns."""

    def predict_proba(self, X: Floats) -> Floats:
        """Posteriors (n, classes), float32, rows summing to 1, of speaker-normalised vectors `X` (n, d)."""


@dataclass(frozen=True)
class EnsembleClassifier:
    """The geometric mean of the perceptrons' posteriors, scaled by a `temperature`.

    The first of `ensembles` was trained on all speakers, each of the others without one group of speakers. Every
    perceptron has the same classes, which are indices into `classes`.
    """

    ensembles: tuple[Ensemble, ...]
    temperature: float
    classes: tuple[str, ...]

    def predict_proba(self, X: Floats, sharpness: Floats | None = None) -> Floats:
        """Posteriors (n, classes), float32; 0 for a class without training rows.

        `sharpness` (n,), 0 to 1, divides the temperature of each row.

        Raises:
            ValueError: `X` has another number of columns than the training data, or values that are not finite.
        """
        width = len(self.ensembles[0].standardiser.mean)
        if X.ndim != 2 or X.shape[1] != width:
            raise ValueError(f"X has the shape {X.shape}; expected (n, {width}), as the training data had")
        if not np.isfinite(X).all():
            raise ValueError("X holds values that are not finite; expected finite features")
        posteriors = np.zeros((len(X), len(self.classes)), dtype=np.float32)
        columns = self.members[0].network.classes_
        for start in range(0, len(X), _BLOCK):
            logs = mean_logs(self.ensembles, X[start : start + _BLOCK]) / np.float32(self.temperature)
            if sharpness is not None:
                logs *= sharpness[start : start + _BLOCK, np.newaxis]
            posteriors[start : start + _BLOCK, columns] = np.exp(log_softmax(logs))
        return posteriors

    @property
    def members(self) -> tuple[Member, ...]:
        """All perceptrons of all ensembles."""
        return tuple(member for ensemble in self.ensembles for member in ensemble.members)

    @property
    def converged(self) -> bool:
        """Whether the loss of every perceptron stopped falling before `max_iter` epochs."""
        return converged(self.members) == len(self.members)


def mean_logs(ensembles: Sequence[Ensemble], X: Floats) -> Floats:
    """Mean of all perceptrons' log posteriors of `X` (n, d), float32 (n, classes)."""
    total = ensembles[0].sum_of_logs(X)
    for ensemble in ensembles[1:]:
        total += ensemble.sum_of_logs(X)
    total /= sum(len(ensemble.members) for ensemble in ensembles)
    return total


def fit_classifier(
    data: LabelledFeatures,
    classes: Sequence[str],
    settings: TrainingSettings,
    shares: Mapping[str, float] | None = None,
) -> EnsembleClassifier:
    """Fits the perceptrons on speaker-normalised vectors; the emotions of `data` are names in `classes`.

    With one perceptron, all features, no copies and no calibration, this is the paper's classifier: scikit-learn's
    `MLPClassifier` on standardised features. `shares` are those of the corpora; None: all the same.

    Raises:
        TrainingError: fewer than two classes, a label that is not in `classes`, or no row of a base condition.
    """
    y = class_index(data.emotion, tuple(classes))
    if len(np.unique(y)) < 2:
        raise TrainingError(f"All training rows are {data.emotion[0]}; expected two emotions or more")
    whole = fit_ensemble(data, y, settings, settings.members, 0, shares)
    held_out, temperature = _calibrated(data, y, settings, shares)
    classifier = EnsembleClassifier((whole, *held_out), temperature, tuple(classes))
    count, stopped = len(classifier.members), converged(classifier.members)
    if stopped < count:
        message = "the loss was still falling after training.max_iter %d epochs in %d of %d perceptrons"
        _log.debug(message, settings.max_iter, count - stopped, count)
    return classifier


def _calibrated(
    data: LabelledFeatures, y: Indices, settings: TrainingSettings, shares: Mapping[str, float] | None
) -> tuple[tuple[Ensemble, ...], float]:
    """An ensemble for each group of speakers, trained without it, and the temperature fitted on the groups left out.

    Each ensemble has its own standardiser and directions. The temperature is fitted on rows of base conditions.
    """
    groups = speaker_groups(data.speaker, settings.seed) if settings.calibration_members else ()
    base, present = is_base(data), np.unique(y)
    ensembles, logs, truths = [], [], []
    for number, group in enumerate(groups, start=1):
        if not np.isin(present, y[~group & base]).all() or not (group & base).any():
            _log.info(
                "speakers %s are not left out for calibration: only they have some emotion, or they have no rows of a "
                "base condition",
                ", ".join(np.unique(data.speaker[group]).tolist()),
            )
            continue
        ensemble = fit_ensemble(data.take(~group), y[~group], settings, settings.calibration_members, number, shares)
        ensembles.append(ensemble)
        logs.append(mean_logs([ensemble], data.X[group & base]))
        truths.append(np.searchsorted(present, y[group & base]))
    if not ensembles:
        return (), 1.0
    return tuple(ensembles), fit_temperature(np.concatenate(logs), np.concatenate(truths))
