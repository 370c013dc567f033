"""Speaker normalisation and classifier, fitted together on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ser_core.config.settings import TrainingSettings
from ser_core.training.classifier import MlpClassifier, fit_classifier
from ser_core.training.data import Floats, LabelledFeatures
from ser_core.training.normalise import SpeakerNormaliser, Speakers, fit_normaliser


class SpeakerModel(Protocol):
    """Raw vectors of several speakers → posteriors."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw `X` (n, d); rows with equal `speaker` (n,) are of one voice."""


@dataclass(frozen=True)
class FittedModel:
    """What training makes and a bundle keeps."""

    normaliser: SpeakerNormaliser
    classifier: MlpClassifier

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""
        return self.classifier.classes

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw `X` (n, d); rows with equal `speaker` (n,) are of one voice.

        Raises:
            ValueError: `X` has not as many columns as the training data, or `speaker` not as many rows as `X`.
        """
        return self.classifier.predict_proba(self.normaliser(X, speaker))


def fit_model(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> FittedModel:
    """Fits both on raw vectors; the emotions of `data` are names in `classes`.

    Raises:
        TrainingError: see `fit_classifier`.
    """
    normaliser = fit_normaliser(data.X, data.speaker, settings.speaker_normalisation)
    normalised = dataclasses.replace(data, X=normaliser(data.X, data.speaker))
    return FittedModel(normaliser, fit_classifier(normalised, classes, settings))
