"""A model and a corpus that it never heard → predictions under one condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.data.tables.schemas import probability
from ser_core.emotions import EMOTIONS
from ser_core.errors import TrainingError
from ser_core.learning.evaluation.fold_predictions import PREDICTIONS
from ser_core.learning.evaluation.stranger_conditions import StrangerCondition
from ser_core.learning.evaluation.stranger_draws import mostly_neutral, skewed_rows
from ser_core.learning.training.fitted_model import Scores
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, Texts
from ser_core.learning.training.population import Population

AROUSAL, VALENCE = "arousal_high", "valence_negative"
STRANGER_PREDICTIONS = PREDICTIONS.append(pa.field(AROUSAL, pa.float32())).append(pa.field(VALENCE, pa.float32()))
"""As of `ser evaluate corpus`, and shares from 0 to 1 of high arousal and of negative valence, null where they are not
predicted. Posteriors are of the emotions that the tested and the training corpora share, and sum to 1."""

_FEWEST_CLASSES = 2


class StrangerModel(Protocol):
    """A model that is tested on strangers: ours, or a peer's."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotion names, in the order of the posteriors' columns."""

    def scores(self, X: Floats, speaker: Texts | None, population: Population | None) -> Scores:
        """Scores of raw vectors; shares of a peer that predicts none are NaN."""


@dataclass(frozen=True)
class TestedCorpus:
    """A corpus to test on: its labelled features under the one condition that is tested, and clips by recording_id."""

    __test__ = False  # no test, whatever its name begins with

    name: str
    data: LabelledFeatures
    clips: Mapping[str, str]


def shared_classes(tested: LabelledFeatures, trained: LabelledFeatures) -> tuple[str, ...]:
    """The emotions that both have, in the order of `EMOTIONS`.

    Raises:
        TrainingError: there are fewer than two.
    """
    shared = set(tested.emotion.tolist()) & set(trained.emotion.tolist())
    if len(shared) < _FEWEST_CLASSES:
        raise TrainingError(
            f"it shares {', '.join(sorted(shared)) or 'no emotion'} with the training corpora; expected two or more"
        )
    return tuple(name for name in EMOTIONS if name in shared)


def stranger_rows(
    model: StrangerModel,
    corpus: TestedCorpus,
    shared: tuple[str, ...],
    condition: StrangerCondition,
    row: str,
    seed: int,
) -> pa.Table | None:
    """Predictions of the clips whose emotion is in `shared`, in rows of `STRANGER_PREDICTIONS` called `row`.

    The population of an archive is that of all clips of the corpus, whatever their emotion.

    Returns:
        None where the condition needs neutral clips, and there are none.
    """
    population = None
    if condition.archive:
        drawn = mostly_neutral(corpus.data, seed) if condition.mostly_neutral else np.full(len(corpus.data), True)
        if drawn is None:
            return None
        population = Population.of(corpus.data.X[drawn], corpus.data.recording_id[drawn])
    data = corpus.data.take(np.isin(corpus.data.emotion, shared))
    if condition.skewed:
        data = data.take(skewed_rows(data, seed))
    scores = model.scores(data.X, data.speaker if condition.speakers else None, population)
    return _table(corpus, data, scores, model.classes, shared, row)


def restricted(posteriors: npt.NDArray[Any], classes: tuple[str, ...], to: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """`posteriors` (n, classes) of the classes in `to` only, summing to 1; even where they are all 0."""
    kept = posteriors[:, [classes.index(name) for name in to]].astype(np.float64)
    total = kept.sum(axis=1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1.0), 1.0 / len(to))


def _table(
    corpus: TestedCorpus,
    data: LabelledFeatures,
    scores: Scores,
    classes: tuple[str, ...],
    shared: tuple[str, ...],
    row: str,
) -> pa.Table:
    units = np.stack([data.recording_id, data.emotion], axis=1)
    _, first, unit = np.unique(units, axis=0, return_index=True, return_inverse=True)
    unit, n = unit.reshape(-1), len(first)
    posteriors = restricted(_means(scores.posteriors, unit), classes, shared).astype(np.float32)
    columns: dict[str, pa.Array] = {
        "condition": pa.array([row] * n),
        "fold": pa.array([0] * n, pa.int32()),
        "clip": pa.array([corpus.clips[recording] for recording in data.recording_id[first].tolist()]),
        "speaker": pa.array(data.speaker[first].tolist()),
        "truth": pa.array(data.emotion[first].tolist()),
        "emotion": pa.array([shared[index] for index in posteriors.argmax(axis=1)]),
    }
    for emotion in EMOTIONS:
        values = posteriors[:, shared.index(emotion)] if emotion in shared else [None] * n
        columns[probability(emotion)] = pa.array(values, pa.float32())
    for name, share in ((AROUSAL, scores.arousal_high), (VALENCE, scores.valence_negative)):
        mean = _means(share[:, np.newaxis], unit)[:, 0]
        columns[name] = pa.array(mean.astype(np.float32), pa.float32(), mask=np.isnan(mean))
    return pa.table(columns, schema=STRANGER_PREDICTIONS)


def _means(values: npt.NDArray[Any], unit: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Means (units, k) of `values` (n, k) by `unit` (n,)."""
    sums = np.zeros((int(unit.max()) + 1, values.shape[1]))
    np.add.at(sums, unit, values)
    return sums / np.bincount(unit)[:, np.newaxis]
