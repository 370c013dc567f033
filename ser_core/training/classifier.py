"""The classifier: standardised features into a multilayer perceptron."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.training.data import Floats, LabelledFeatures, class_index

_log = logging.getLogger(__name__)


class Classifier(Protocol):
    """Vectors → posteriors."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns: that of the label scheme."""

    def predict_proba(self, X: Floats) -> Floats:
        """Posteriors (n, classes), float32, rows summing to 1, of raw vectors `X` (n, d)."""


@dataclass(frozen=True)
class MlpClassifier:
    """A fitted pipeline of `StandardScaler` and `MLPClassifier`, whose classes are places in `classes`."""

    pipeline: Pipeline
    classes: tuple[str, ...]

    def predict_proba(self, X: Floats) -> Floats:
        """Posteriors (n, classes), float32; a class that no training row had is 0 throughout.

        Raises:
            ValueError: `X` has not as many columns as the training data, or holds what is not finite.
        """
        posteriors = np.zeros((len(X), len(self.classes)), dtype=np.float32)
        if len(X):
            posteriors[:, self.network.classes_] = self.pipeline.predict_proba(X)
        return posteriors

    @property
    def network(self) -> Any:
        """The fitted `MLPClassifier`."""
        return self.pipeline[-1]

    @property
    def converged(self) -> bool:
        """Whether the loss stopped falling before `max_iter` epochs."""
        return bool(self.network.n_iter_ < self.network.max_iter)


def fit_classifier(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> MlpClassifier:
    """Fits the perceptron on raw vectors; the emotions of `data` are names in `classes`.

    Every feature is standardised by the training rows' mean and deviation; one of no variance is only centred.

    Raises:
        TrainingError: fewer than two classes, or a label that is not in `classes`.
    """
    y = class_index(data.emotion, tuple(classes))
    if len(np.unique(y)) < 2:
        raise TrainingError(f"All training rows are {data.emotion[0]}; expected two emotions or more")
    network = MLPClassifier(
        hidden_layer_sizes=tuple(settings.hidden_layers),
        alpha=settings.alpha,
        batch_size=min(settings.batch_size, len(data)),
        learning_rate_init=settings.learning_rate,
        max_iter=settings.max_iter,
        random_state=settings.seed,
    )
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", network)])
    _fit(pipeline, data.X, y)
    fitted = MlpClassifier(pipeline, tuple(classes))
    if not fitted.converged:
        _log.info("the loss was still falling after training.max_iter %d epochs", settings.max_iter)
    return fitted


def _fit(pipeline: Pipeline, X: Floats, y: npt.NDArray[np.intp]) -> None:
    # Batches are too small to gain by several threads, and one gives the same sums on every machine.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` says it, and it is logged
        pipeline.fit(X, y)
    # The state of Adam serves further fitting only, and is of a type that no bundle may hold.
    del pipeline[-1]._optimizer
