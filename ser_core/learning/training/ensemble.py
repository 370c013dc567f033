"""An ensemble of perceptrons, each trained on a random subset of the features and of the altered copies."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ser_core.config.settings import TrainingSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.errors import TrainingError
from ser_core.learning.training.corpus_balance import Doubles, corpus_shares, row_weights
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures
from ser_core.learning.training.standardise import Standardiser, fit_standardiser
from ser_core.learning.training.voice_groups import whole_voices
from ser_core.sound.augmentation import TELEPHONE_CONDITION

BASE_CONDITIONS = (AS_RECORDED, TELEPHONE_CONDITION.name)
"""Conditions that are not altered copies. Every perceptron is trained on all of them; statistics use only them."""

MIN_POSTERIOR = 1e-5
"""Lower bound of a perceptron's posterior, so that one confident perceptron cannot overrule all others."""

_STATE_OF_FITTING = ("_optimizer", "_best_coefs", "_best_intercepts", "_random_state")
"""Attributes that only further fitting needs. They double a bundle, and some are of types that no bundle may hold."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Member:
    """A perceptron of the ensemble: a fitted `MLPClassifier` with rectified linear units, or the `Perceptron` read from
    a bundle, and the ascending `columns` of the features that it uses."""

    columns: Indices
    network: Any

    def log_posteriors(self, Z: Floats) -> Floats:
        """Logarithms of the network's `predict_proba`, float32 (n, classes), of standardised `Z` (n, d).

        Unlike `predict_proba`, in single precision throughout and without checks.
        """
        hidden = Z if len(self.columns) == Z.shape[1] else np.take(Z, self.columns, axis=1)
        *layers, (W, b) = zip(self.network.coefs_, self.network.intercepts_, strict=True)
        for W_hidden, b_hidden in layers:
            hidden = hidden @ W_hidden
            hidden += b_hidden
            np.maximum(hidden, 0, out=hidden)
        logits = hidden @ W + b
        if logits.shape[1] == 1:  # for two classes, scikit-learn has one logistic unit, that of the second
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        return log_softmax(logits)


@dataclass(frozen=True)
class Ensemble:
    """Members trained on the same rows, and the standardiser fitted on these rows."""

    standardiser: Standardiser
    members: tuple[Member, ...]

    def sum_of_logs(self, Z: Floats) -> Floats:
        """Sum of the members' log posteriors of standardised `Z` (n, d), float32 (n, classes)."""
        bound = np.float32(np.log(MIN_POSTERIOR))
        total = np.maximum(self.members[0].log_posteriors(Z), bound)
        for member in self.members[1:]:
            total += np.maximum(member.log_posteriors(Z), bound)
        return total


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of the softmax over the columns of `logits` (n, classes)."""
    shifted: Floats = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def fit_ensemble(
    data: LabelledFeatures,
    y: Indices,
    settings: TrainingSettings,
    members: int,
    number: int,
    shares: Mapping[str, float] | None = None,
    standardiser: Standardiser | None = None,
) -> Ensemble:
    """Fits `members` perceptrons on speaker-normalised vectors with classes `y` (n,), of two or more values.

    Each is trained on a random `feature_share` of the features (Ho 1998, "The random subspace method for constructing
    decision forests", IEEE Trans. Pattern Anal. Mach. Intell. 20, 832-844), on all rows of the base conditions, and on
    the rows of `copies` other conditions drawn at random. With `balance_classes`, every class of a corpus has the same
    weight; a corpus has its share in `shares`, or the same as any other.

    Random draws depend only on `settings.seed`, the ensemble's `number` and the member's index. `standardiser` is used
    in place of one that is fitted on these rows.

    Raises:
        TrainingError: no row is of a base condition.
    """
    base = is_base(data)
    base_rows = data.take(base)
    voice = whole_voices(base_rows)
    if standardiser is None:
        standardiser = fit_standardiser(base_rows.X, base_rows.emotion, voice, settings.speaker_directions)
    Z = standardiser(data.X)
    copies = np.unique(data.condition[~base])
    shares = shares or corpus_shares(data.corpus, {})
    weighted = settings.balance_classes or len(shares) > 1
    fitted = []
    for index in range(members):
        rng = np.random.default_rng([settings.seed, number, index])
        columns = _draw(rng, Z.shape[1], max(1, round(settings.feature_share * Z.shape[1])))
        drawn = copies[_draw(rng, len(copies), settings.copies)]
        rows = np.flatnonzero(base | np.isin(data.condition, drawn))
        # The first perceptron uses `settings.seed` itself, so that an ensemble of one equals a plain MLPClassifier.
        seed = int(rng.integers(2**32)) if number or index else settings.seed
        weight = row_weights(data.corpus[rows], y[rows], shares, settings.balance_classes) if weighted else None
        fitted.append(Member(columns, _fit(Z[np.ix_(rows, columns)], y[rows], weight, settings, seed)))
    return Ensemble(standardiser, tuple(fitted))


def is_base(data: LabelledFeatures) -> npt.NDArray[np.bool_]:
    """Mask (n,) of the rows of base conditions.

    Raises:
        TrainingError: there is no such row.
    """
    base: npt.NDArray[np.bool_] = np.isin(data.condition, BASE_CONDITIONS)
    if not base.any():
        present = ", ".join(np.unique(data.condition).tolist())
        raise TrainingError(f"The training rows are of {present}; expected some of {' or '.join(BASE_CONDITIONS)}")
    return base


def _draw(rng: np.random.Generator, among: int, count: int) -> Indices:
    return np.sort(rng.permutation(among)[:count])


def _fit(X: Floats, y: Indices, weight: Doubles | None, settings: TrainingSettings, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - takes a second, and scoring does not need it
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

    network = MLPClassifier(
        hidden_layer_sizes=tuple(settings.hidden_layers),
        alpha=settings.alpha,
        batch_size=min(settings.batch_size, len(X)),
        learning_rate_init=settings.learning_rate,
        max_iter=settings.max_iter,
        random_state=seed,
    )
    # Batches are too small to gain from threads, and one thread gives the same sums on every machine.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `EnsembleClassifier.converged` reports it
        network.fit(X, y, weight)
    for state in _STATE_OF_FITTING:
        delattr(network, state)
    return network


def converged(members: Sequence[Member]) -> int:
    """The number of members whose loss stopped falling before `max_iter` epochs."""
    return sum(bool(member.network.n_iter_ < member.network.max_iter) for member in members)
