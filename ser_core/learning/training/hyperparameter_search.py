"""Hyperparameter search, on speaker folds within the training speakers of an outer fold.

Trials are proposed by the tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter
optimization", NeurIPS) of optuna (Akiba et al. 2019, KDD, 2623-2631). The best of many trials looks better than it is.
The recipe that the search starts from is therefore kept unless a trial beats it by more than two standard errors. One
standard error, as in Breiman et al. 1984 ("Classification and Regression Trees", sec. 3.4.3), is not enough: the best
of eight trials that change nothing gains as much.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.config.searched import with_overrides
from ser_core.config.settings import TrainingSettings
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.training.cross_validation import Fit, Voices, decide
from ser_core.learning.training.labelled_features import LabelledFeatures, Texts
from ser_core.learning.training.metrics import unweighted_average_recall
from ser_core.learning.training.search_space import Space
from ser_core.learning.training.splits import Split

MIN_GAIN_ERRORS = 2.0
"""A trial replaces the recipe where it gains more than so many standard errors."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InnerPredictions:
    """Decisions of all inner folds: true class, predicted class and speaker, each (n,)."""

    truth: npt.NDArray[np.intp]
    decision: npt.NDArray[np.intp]
    speaker: Texts

    @property
    def uar(self) -> float:
        """Unweighted average recall of all decisions together."""
        return _uar(self.truth, self.decision == self.truth)


@dataclass(frozen=True)
class InnerFolds:
    """The data of a search: rows of an outer fold's training speakers, and their splits into inner folds.

    `data` holds the rows of every training condition, and no row of the outer fold's test speakers. Models are tested
    on the rows of the condition `tested`; rows with equal `voice` are normalised together.
    """

    data: LabelledFeatures
    classes: tuple[str, ...]
    tested: str
    voice: Voices
    splits: tuple[Split, ...]
    fit: Fit

    def predict(self, settings: TrainingSettings) -> InnerPredictions:
        """Trains on the train part of each inner fold and predicts its test part.

        Raises:
            TrainingError: an inner fold cannot train, or has no row of `tested`.
        """
        parts = [self._fold(split, settings) for split in self.splits]
        truth, decision, speaker = (np.concatenate(column) for column in zip(*parts, strict=True))
        return InnerPredictions(truth, decision, speaker)

    def _fold(self, split: Split, settings: TrainingSettings) -> tuple[Any, Any, Any]:
        model = self.fit(self.data.take(split.train), self.classes, settings)
        test = self.data.take(split.test).of_condition(self.tested)
        truth, decision, speaker = [], [], []
        for name in np.unique(test.speaker).tolist():
            rows = test.take(test.speaker == name)
            true_class, posteriors = decide(rows, model, self.voice(rows))
            truth.append(true_class)
            decision.append(posteriors.argmax(axis=1))
            speaker.append(np.full(len(true_class), name))
        return np.concatenate(truth), np.concatenate(decision), np.concatenate(speaker)


@dataclass(frozen=True)
class Trial:
    """One tried point: the settings it changes, and its inner UAR."""

    overrides: Mapping[str, Any]
    uar: float


@dataclass(frozen=True)
class SearchResult:
    """`trials` in their order, the recipe first.

    `gain` is the inner UAR of the best other trial less the recipe's, `standard_error` that of the gain.
    """

    trials: tuple[Trial, ...]
    gain: float
    standard_error: float

    @property
    def kept(self) -> bool:
        """Whether the recipe is kept: no trial beats it by more than `MIN_GAIN_ERRORS` standard errors."""
        return not self.gain > MIN_GAIN_ERRORS * self.standard_error

    @property
    def best(self) -> Trial:
        """The trial with the largest inner UAR; the first of equal trials."""
        return max(self.trials, key=lambda trial: trial.uar)

    @property
    def overrides(self) -> dict[str, Any]:
        """The settings to change; empty where the recipe is kept."""
        return {} if self.kept else dict(self.best.overrides)


def search(inner: InnerFolds, recipe: TrainingSettings, trials: int, members: int, seed: int) -> SearchResult:
    """Tries the recipe and `trials` - 1 points around it, each with `members` perceptrons and without calibration.

    The same arguments give the same result.

    Raises:
        SettingsError: optuna is not installed.
        TrainingError: see `InnerFolds.predict`.
    """
    light = recipe.model_copy(update={"members": members, "calibration_members": 0})
    space = Space(recipe, altered=len(set(inner.data.condition.tolist()) - {inner.tested}))
    study, proposed = _study(space, trials, seed)
    baseline = inner.predict(light)
    tried = [Trial({}, baseline.uar)]
    others: list[InnerPredictions] = []
    study.add_trial(_optuna().trial.create_trial(params=space.point(), distributions=proposed, value=baseline.uar))
    for number in range(1, trials):
        trial = study.ask(proposed)
        overrides = space.overrides(trial.params)
        predictions = inner.predict(with_overrides(light, overrides)) if overrides else baseline
        uar = predictions.uar
        study.tell(trial, uar)
        tried.append(Trial(overrides, uar))
        if overrides:
            others.append(predictions)
        _log.info("trial %d of %d: inner UAR %.3f (recipe %.3f), %s", number + 1, trials, uar, baseline.uar, overrides)
    best = max(others, key=lambda predictions: predictions.uar, default=baseline)
    return SearchResult(tuple(tried), best.uar - baseline.uar, standard_error(best, baseline))


def standard_error(a: InnerPredictions, b: InnerPredictions) -> float:
    """Standard error of the difference in UAR of two models on the same recordings, by the jackknife over speakers.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 11.

    Raises:
        TrainingError: there is only one speaker, or the two are of different recordings.
    """
    if not (np.array_equal(a.truth, b.truth) and np.array_equal(a.speaker, b.speaker)):
        raise TrainingError("The two models decided on different recordings; expected the same, in the same order")
    speakers = np.unique(a.speaker)
    if len(speakers) < 2:
        raise TrainingError(f"All decisions are on {speakers[0]}; expected two speakers or more")
    right_a, right_b = a.decision == a.truth, b.decision == b.truth
    parts = [a.speaker != speaker for speaker in speakers]
    differences = np.array([_uar(a.truth[part], right_a[part]) - _uar(a.truth[part], right_b[part]) for part in parts])
    return float(np.sqrt((len(differences) - 1) * np.mean(np.square(differences - differences.mean()))))


def _uar(truth: npt.NDArray[np.intp], right: npt.NDArray[np.bool_]) -> float:
    return float(unweighted_average_recall(np.bincount(truth, weights=right), np.bincount(truth)))


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise SettingsError(
            ["optuna is not installed, and a search needs it: pip install 'ser-core[search]'"]
        ) from None
    return optuna


def _study(space: Space, trials: int, seed: int) -> tuple[Any, dict[str, Any]]:
    """A study, and the distributions that it samples from."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # `search` logs the trials
    proposed: dict[str, Any] = {}
    for name, of in space.ranges.items():
        if of.whole:
            proposed[name] = optuna.distributions.IntDistribution(int(of.low), int(of.high), log=of.log)
        else:
            proposed[name] = optuna.distributions.FloatDistribution(of.low, of.high, log=of.log)
    for name, choices in space.choices.items():
        proposed[name] = optuna.distributions.CategoricalDistribution(choices)
    # A third of the trials is random. Optuna's default of ten would fill a short search.
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(2, trials // 3))
    return optuna.create_study(direction="maximize", sampler=sampler), proposed
