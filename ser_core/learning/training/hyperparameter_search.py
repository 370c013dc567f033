"""Search over hyperparameters, on folds by speaker within the speakers of an outer fold's train part.

The tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", NeurIPS)
proposes, by optuna (Akiba et al. 2019, KDD, 2623-2631). The best of many trials looks better than it is: the recipe
that the search starts from is kept unless a trial beats it by more than two standard errors. One, as in Breiman et al.
1984 ("Classification and Regression Trees", sec. 3.4.3), is what the best of eight trials that change nothing gains.
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
from ser_core.learning.training.search_space import Space
from ser_core.learning.training.splits import Split

ERRORS = 2.0
"""Standard errors by which a trial has to beat the recipe."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InnerPredictions:
    """Decisions of all inner folds: true and decided class, and speaker, each (n,)."""

    truth: npt.NDArray[np.intp]
    decision: npt.NDArray[np.intp]
    speaker: Texts

    @property
    def uar(self) -> float:
        """Unweighted average recall, of all decisions together."""
        return _uar(self.truth, self.decision == self.truth)


@dataclass(frozen=True)
class InnerFolds:
    """What a search may hear: rows of an outer fold's training speakers, and how they are split once more.

    `data` holds the rows of every condition that is trained on. Those of the condition `tested` are decided on, rows
    with equal `voice` being normalised together. No row of the outer fold's test speakers may be in `data`.
    """

    data: LabelledFeatures
    classes: tuple[str, ...]
    tested: str
    voice: Voices
    splits: tuple[Split, ...]
    fit: Fit

    def hear(self, settings: TrainingSettings) -> InnerPredictions:
        """Trains on each inner fold's train part and decides on its test part.

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
            own = test.take(test.speaker == name)
            found, posteriors = decide(own, model, self.voice(own))
            truth.append(found)
            decision.append(posteriors.argmax(axis=1))
            speaker.append(np.full(len(found), name))
        return np.concatenate(truth), np.concatenate(decision), np.concatenate(speaker)


@dataclass(frozen=True)
class Trial:
    """A point that was tried: what it changes of the recipe, and the inner UAR."""

    overrides: Mapping[str, Any]
    uar: float


@dataclass(frozen=True)
class Found:
    """What a search found: `trials` in their order, the recipe itself first.

    `gain` is the best other trial's inner UAR above the recipe's, `standard_error` that of the gain.
    """

    trials: tuple[Trial, ...]
    gain: float
    standard_error: float

    @property
    def kept(self) -> bool:
        """Whether the recipe stands, as no trial beats it by more than `ERRORS` standard errors."""
        return not self.gain > ERRORS * self.standard_error

    @property
    def best(self) -> Trial:
        """The trial with the largest inner UAR; of equal ones the first."""
        return max(self.trials, key=lambda trial: trial.uar)

    @property
    def overrides(self) -> dict[str, Any]:
        """What to change of the recipe: nothing where it is kept."""
        return {} if self.kept else dict(self.best.overrides)


def search(inner: InnerFolds, recipe: TrainingSettings, trials: int, members: int, seed: int) -> Found:
    """Tries the recipe and `trials` - 1 points around it, each with `members` perceptrons, not calibrated.

    The same arguments give the same answer.

    Raises:
        SettingsError: optuna is not installed.
        TrainingError: see `InnerFolds.hear`.
    """
    light = recipe.model_copy(update={"members": members, "calibration_members": 0})
    space = Space(recipe, altered=len(set(inner.data.condition.tolist()) - {inner.tested}))
    study, proposed = _study(space, trials, seed)
    own = inner.hear(light)
    tried, heard = [Trial({}, own.uar)], [own]
    study.add_trial(_optuna().trial.create_trial(params=space.point(), distributions=proposed, value=own.uar))
    for number in range(1, trials):
        trial = study.ask(proposed)
        overrides = space.overrides(trial.params)
        found = inner.hear(with_overrides(light, overrides)) if overrides else own
        study.tell(trial, found.uar)
        tried.append(Trial(overrides, found.uar))
        heard.append(found)
        _log.info("trial %d of %d: inner UAR %.3f (recipe %.3f), %s", number + 1, trials, found.uar, own.uar, overrides)
    others = [one for one in heard if one is not own]
    best = max(others, key=lambda one: one.uar, default=own)
    return Found(tuple(tried), best.uar - own.uar, standard_error(best, own))


def standard_error(one: InnerPredictions, other: InnerPredictions) -> float:
    """Of the difference of the UARs of two models on the same recordings: the jackknife over speakers.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 11: speakers, not clips, are what is drawn.

    Raises:
        TrainingError: there is one speaker only, or the two heard different recordings.
    """
    if not (np.array_equal(one.truth, other.truth) and np.array_equal(one.speaker, other.speaker)):
        raise TrainingError("The two models decided on different recordings; expected the same, in the same order")
    speakers = np.unique(one.speaker)
    if len(speakers) < 2:
        raise TrainingError(f"All decisions are on {speakers[0]}; expected two speakers or more")
    ones, others = one.decision == one.truth, other.decision == other.truth
    without = [one.speaker != speaker for speaker in speakers]
    left = np.array([_uar(one.truth[kept], ones[kept]) - _uar(one.truth[kept], others[kept]) for kept in without])
    return float(np.sqrt((len(left) - 1) * np.mean(np.square(left - left.mean()))))


def _uar(truth: npt.NDArray[np.intp], right: npt.NDArray[np.bool_]) -> float:
    there = np.bincount(truth)
    hits = np.bincount(truth, weights=right)
    return float(np.mean(hits[there > 0] / there[there > 0]))


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise SettingsError(
            ["optuna is not installed, and a search needs it: pip install 'ser-core[search]'"]
        ) from None
    return optuna


def _study(space: Space, trials: int, seed: int) -> tuple[Any, dict[str, Any]]:
    """A study, and the distributions of what it proposes."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the trials are logged here
    proposed: dict[str, Any] = {}
    for name, one in space.ranges.items():
        if one.whole:
            proposed[name] = optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
        else:
            proposed[name] = optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)
    for name, choices in space.choices.items():
        proposed[name] = optuna.distributions.CategoricalDistribution(choices)
    # A third of the trials explores at random; optuna's own ten would be all of a short search.
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(2, trials // 3))
    return optuna.create_study(direction="maximize", sampler=sampler), proposed
