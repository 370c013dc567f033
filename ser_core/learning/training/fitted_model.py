"""Speaker normalisation and classifier, fitted together on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ser_core.config.settings import TrainingSettings
from ser_core.learning.training.classifier import EnsembleClassifier, fit_classifier
from ser_core.learning.training.ensemble import is_base
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures
from ser_core.learning.training.speaker_normalisation import SpeakerNormaliser, Speakers, fit_normaliser
from ser_core.learning.training.voice_groups import simulated_calls, whole_voices


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
