"""Population, speaker normalisation, heads and classifier: all that is learnt, as one function of raw vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ser_core.learning.training.classifier import EnsembleClassifier
from ser_core.learning.training.familiarity import FamiliarityMeasure
from ser_core.learning.training.labelled_features import Floats
from ser_core.learning.training.linear_heads import LinearHeads
from ser_core.learning.training.population import Measuring, Population
from ser_core.learning.training.speaker_normalisation import SpeakerNormaliser, Speakers

_BLOCK = 256
"""Rows at a time, so that they fit into the processor's cache."""


class SpeakerModel(Protocol):
    """Raw vectors of several speakers → posteriors."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw `X` (n, d); rows with equal `speaker` (n,) are of one voice."""


@dataclass(frozen=True)
class Scores:
    """Scores of n vectors, all float32.

    Attributes:
        posteriors: (n, classes), rows summing to 1.
        arousal_high: (n,) probability of high arousal, where high and low are equally frequent.
        valence_negative: (n,) probability of negative valence, where negative and other are equally frequent.
        familiarity: (n,) 1 as in training, towards 0 the farther from it. It has lowered the posteriors' confidence.
    """

    posteriors: Floats
    arousal_high: Floats
    valence_negative: Floats
    familiarity: Floats


@dataclass(frozen=True)
class FittedModel:
    """The result of training, which a bundle stores.

    `population` is that of the training corpora, each with its share. `abroad` is a factor of the temperature where
    vectors are measured from another population.
    """

    population: Population
    normaliser: SpeakerNormaliser
    heads: LinearHeads
    classifier: EnsembleClassifier
    familiarity: FamiliarityMeasure
    abroad: float

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""
        return self.classifier.classes

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw `X` (n, d); rows with equal `speaker` (n,) are of one voice.

        Measured from the training corpora's population. For errors see `scores`.
        """
        return self.scores(X, speaker, None).posteriors

    def scores(self, X: Floats, speaker: Speakers | None, population: Measuring | None) -> Scores:
        """Scores of raw vectors `X` (n, d).

        Args:
            X: vectors of the model's feature set.
            speaker: rows with equal values (n,) are of one voice; pass all rows of a voice at once. None: no speaker is
                known, and each row is taken as it is.
            population: of the archive that `X` is from; None: that of the training corpora.

        Raises:
            ValueError: `X` differs from the training data in the number of columns, or from `speaker` in that of rows,
                or holds values that are not finite.
        """
        width = len(self.normaliser.mean)
        if X.ndim != 2 or X.shape[1] != width:
            raise ValueError(f"X has the shape {X.shape}; expected (n, {width}), as the training data had")
        measured = (population or self.population).standardised(X)
        familiarity = self.familiar(X, speaker) if population else self.familiarity(measured, speaker)
        Z = self._without_voices(measured, speaker)
        sharpness = self.sharpness(familiarity, population)
        posteriors = self.classifier.predict_proba(Z, sharpness / np.float32(1 if population is None else self.abroad))
        affect = self.heads.affect(Z, sharpness)
        return Scores(posteriors, affect[:, 0], affect[:, 1], familiarity)

    @staticmethod
    def sharpness(familiarity: Floats, population: Measuring | None) -> Floats:
        """How far a row's logits are kept (n,), 0 to 1: by its familiarity; by the root of it where an archive's own
        population has taken out a part of what is strange."""
        return familiarity if population is None else np.sqrt(familiarity)

    def familiar(self, X: Floats, speaker: Speakers | None) -> Floats:
        """Familiarity (n,) of raw vectors `X` (n, d), by voice where `speaker` (n,) is given.

        Always measured from the training corpora's population: another archive's own takes out what makes it strange.
        """
        return self.familiarity(self.population.standardised(X), speaker)

    def normalised(self, X: Floats, speaker: Speakers | None, population: Measuring | None) -> Floats:
        """What heads and classifier are given, float32 (n, d); arguments as of `scores`."""
        return self._without_voices((population or self.population).standardised(X), speaker)

    def _without_voices(self, measured: Floats, speaker: Speakers | None) -> Floats:
        if speaker is None:
            return self.normaliser.without_speakers(measured)
        if not self.normaliser.anchored:
            return self.normaliser(measured, speaker)
        blocks = [measured[start : start + _BLOCK] for start in range(0, len(measured), _BLOCK)]
        guesses = [self.heads.expected(self.normaliser.without_speakers(block)) for block in blocks]
        return self.normaliser(measured, speaker, np.concatenate(guesses) if guesses else None)
