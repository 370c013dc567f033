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
    """What training makes and a bundle keeps."""

    normaliser: SpeakerNormaliser
    classifier: EnsembleClassifier

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
    """Fits both on raw vectors of all conditions there are; the emotions of `data` are names in `classes`.

    A voice is a speaker under one condition, or, with `train_on` calls, a part of that such as a call has. The
    population's statistics are of the base conditions; see `ser_core.learning.training.ensemble.BASE_CONDITIONS`.

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
