"""Speaker normalisation and classifier, fitted together on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import TrainingSettings
from ser_core.emotions import AFFECT
from ser_core.learning.training.classifier import EnsembleClassifier, fit_classifier
from ser_core.learning.training.ensemble import is_base
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, Texts
from ser_core.learning.training.population import Population
from ser_core.learning.training.speaker_normalisation import SpeakerNormaliser, Speakers, fit_normaliser
from ser_core.learning.training.voice_groups import simulated_calls, whole_voices


@dataclass(frozen=True)
class Scores:
    """What a model says of n vectors: `posteriors` float32 (n, classes), and shares (n,)."""

    posteriors: Floats
    arousal_high: npt.NDArray[np.float64]
    valence_negative: npt.NDArray[np.float64]
    familiarity: npt.NDArray[np.float64]


class SpeakerModel(Protocol):
    """Raw vectors of several speakers → posteriors."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw `X` (n, d); rows with equal `speaker` (n,) are of one voice."""


@dataclass(frozen=True)
class FittedModel:
    """The result of training, which a bundle stores."""

    normaliser: SpeakerNormaliser
    classifier: EnsembleClassifier

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""
        return self.classifier.classes

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw `X` (n, d); rows with equal `speaker` (n,) are of one voice.

        Raises:
            ValueError: `X` differs from the training data in the number of columns, or from `speaker` in that of rows.
        """
        return self.classifier.predict_proba(self.normaliser(X, speaker))

    def scores(self, X: Floats, speaker: Texts | None = None, population: Population | None = None) -> Scores:
        """Scores of raw `X` (n, d); `speaker` (n,) is None where none is known, `population` None for training's."""
        if population is not None:
            deviation = np.sqrt(np.maximum(population.variance, 1e-12))
            X = ((X - population.mean) / deviation * self.normaliser.deviation + self.normaliser.mean).astype(
                np.float32
            )
        posteriors = self.posteriors(X, np.arange(len(X)) if speaker is None else speaker)
        high = np.array([name in ("angry", "fearful", "happy", "surprised") for name in self.classes])
        negative = np.array([AFFECT[name].valence < 0 for name in self.classes])
        shares = posteriors.astype(np.float64)
        return Scores(posteriors, shares @ high, shares @ negative, np.ones(len(X)))


def fit_model(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> FittedModel:
    """Fits both on the raw vectors of all conditions of `data`, whose emotions are names in `classes`.

    A voice is a speaker under one condition; with `train_on` calls, it is a part of that, of the size of a call. The
    population's statistics are of the conditions `ser_core.learning.training.ensemble.BASE_CONDITIONS`.

    Raises:
        TrainingError: see `fit_classifier`.
    """
    base = is_base(data)
    voice = whole_voices(data)
    normaliser = fit_normaliser(data.X[base], voice[base], settings.speaker_normalisation)
    if settings.speaker_normalisation.train_on == "calls":
        voice = simulated_calls(data, settings.seed)
    normalised = dataclasses.replace(data, X=normaliser(data.X, voice))
    return FittedModel(normaliser, fit_classifier(normalised, classes, settings))
