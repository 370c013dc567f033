"""Both protocols: a random split, which flatters, and folds by speaker, which tell what a stranger's call will get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import TrainingSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.training.fitted_model import SpeakerModel, fit_model
from ser_core.learning.training.importance import FamilyImportance, HeldOut, pooled_importance
from ser_core.learning.training.labelled_features import LabelledFeatures, Texts, class_index
from ser_core.learning.training.metrics import Metrics, measure
from ser_core.learning.training.splits import Split, random_split, speaker_folds

RANDOM_SPLIT = "random split 75/25"
SPEAKER_INDEPENDENT = "speaker-independent folds"
SPEAKER_NORMALISED = "speaker-independent folds, normalised by the test speaker's own unlabelled clips (transductive)"

IMPORTANCE_REPEATS = 3
"""Shufflings of a family: folds and rows are many, so that their deviation is small."""

NO_FAMILIES: Mapping[str, Sequence[int]] = MappingProxyType({})

Fit = Callable[[LabelledFeatures, Sequence[str], TrainingSettings], SpeakerModel]
Voices = Callable[[LabelledFeatures], Texts]

Decisions = tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class ProtocolResult:
    """One protocol's metrics, over the decisions of all its folds together.

    A decision is made on a labelled recording: the posteriors of its segments are averaged, and the largest wins (a
    recording that carries several labels counts once for each). `uar_by_fold` shows how far the folds differ.
    """

    name: str
    metrics: Metrics
    uar_by_fold: tuple[float, ...]
    train_rows: tuple[int, ...]
    test_speakers: tuple[tuple[str, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "name": self.name,
            "metrics": self.metrics.to_json(),
            "uar_by_fold": list(self.uar_by_fold),
            "train_rows": list(self.train_rows),
            "test_speakers": [list(speakers) for speakers in self.test_speakers],
        }


@dataclass(frozen=True)
class Evaluation:
    """Both protocols, and `warnings`: sentences for whoever decides whether the model is good enough.

    In `random_split` and `speaker_independent` every recording stands alone, as a single clip does: nothing of the test
    part but the recording itself tells how its speaker sounds. `speaker_normalised` are the same models on the same
    folds, where all clips of a test speaker, without their labels, make up that speaker's statistics, as all segments
    of a call do. `importance` is of the models of `speaker_independent`, on their own test rows, each alone.
    """

    classes: tuple[str, ...]
    random_split: ProtocolResult
    speaker_independent: ProtocolResult
    speaker_normalised: ProtocolResult
    importance: tuple[FamilyImportance, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "classes": list(self.classes),
            "random_split": self.random_split.to_json(),
            "speaker_independent": self.speaker_independent.to_json(),
            "speaker_normalised": self.speaker_normalised.to_json(),
            "importance": [one.to_json() for one in self.importance],
            "warnings": list(self.warnings),
        }


def evaluate(
    data: LabelledFeatures,
    classes: Sequence[str],
    settings: TrainingSettings,
    published_folds: Sequence[Sequence[str]] | None,
    fit: Fit = fit_model,
    families: Mapping[str, Sequence[int]] = NO_FAMILIES,
) -> Evaluation:
    """Fits and tests a model on every part of both protocols. The emotions of `data` are names in `classes`.

    Trained is on all rows of a train part, tested on those of a test part as they were recorded: an altered copy of a
    test recording is in neither. The published folds are used where `settings.folds` is `corpus` and they cover the
    data's speakers. `families` are the columns of a vector whose importance is measured together.

    Raises:
        TrainingError: the data cannot be split, or cannot train.
    """
    published = published_folds if settings.folds == "corpus" else None
    by_chance_models = fit_folds(data, classes, (random_split(data, settings.seed),), settings, fit)
    by_chance = measure_folds(RANDOM_SPLIT, by_chance_models, _alone)
    folds = speaker_folds(data.speaker, published, settings.group_folds, settings.seed)
    fitted = fit_folds(data, classes, folds, settings, fit)
    by_speaker = measure_folds(SPEAKER_INDEPENDENT, fitted, _alone)
    normalised = measure_folds(SPEAKER_NORMALISED, fitted, _together)
    heard = [HeldOut(fold.model, fold.test, _alone(fold.test)) for fold in fitted]
    importance = pooled_importance(heard, families, IMPORTANCE_REPEATS, settings.seed) if families else ()
    warnings = warnings_of((by_chance, by_speaker, normalised), settings.warn_accuracy_below)
    return Evaluation(tuple(classes), by_chance, by_speaker, normalised, importance, warnings)


def _alone(data: LabelledFeatures) -> Texts:
    return data.recording_id


def _together(data: LabelledFeatures) -> Texts:
    return data.speaker


@dataclass(frozen=True)
class FittedFold:
    """A model, how many rows it was trained on, and the rows as recorded that it is tested on."""

    model: SpeakerModel
    train_rows: int
    test: LabelledFeatures


def fit_folds(
    data: LabelledFeatures, classes: Sequence[str], splits: Sequence[Split], settings: TrainingSettings, fit: Fit
) -> tuple[FittedFold, ...]:
    """Fits a model on each split's train part."""
    return tuple(
        FittedFold(
            model=fit(data.take(split.train), classes, settings),
            train_rows=len(split.train),
            test=data.take(split.test).of_condition(AS_RECORDED),
        )
        for split in splits
    )


def measure_folds(name: str, folds: Sequence[FittedFold], voices: Voices) -> ProtocolResult:
    """Decides on each fold's test part, and measures all decisions together.

    `voices` says which rows of a test part are normalised together.
    """
    decided = [decide(fold.test, fold.model, voices(fold.test)) for fold in folds]
    truths, means = zip(*decided, strict=True)
    classes = folds[0].model.classes
    return ProtocolResult(
        name=name,
        metrics=measure(np.concatenate(truths), np.concatenate(means), classes),
        uar_by_fold=tuple(measure(truth, mean, classes).uar for truth, mean in decided),
        train_rows=tuple(fold.train_rows for fold in folds),
        test_speakers=tuple(tuple(np.unique(fold.test.speaker).tolist()) for fold in folds),
    )


def decide(data: LabelledFeatures, model: SpeakerModel, voice: Texts) -> Decisions:
    """True class (m,) and mean posteriors (m, classes) of each labelled recording in `data`.

    Rows with equal `voice` (n,) are normalised together.
    """
    units = np.stack([data.recording_id, data.emotion], axis=1)
    _, first, unit = np.unique(units, axis=0, return_index=True, return_inverse=True)
    mean = np.zeros((len(first), len(model.classes)))
    np.add.at(mean, unit, model.posteriors(data.X, voice))
    mean /= np.bincount(unit)[:, np.newaxis]
    return class_index(data.emotion[first], model.classes), mean


def warnings_of(results: Sequence[ProtocolResult], warn_accuracy_below: float) -> tuple[str, ...]:
    """What a person should know: accuracy below the gate (speaker-independent), and accuracy too good to be true."""
    sentences = []
    for result in results:
        accuracy = result.metrics.accuracy
        if result.name == SPEAKER_INDEPENDENT and accuracy < warn_accuracy_below:
            sentences.append(
                f"Speaker-independent accuracy is {accuracy:.1%}, below training.warn_accuracy_below "
                f"{warn_accuracy_below:.0%}: of strangers' calls, many segments will be named wrongly."
            )
        if accuracy == 1.0:
            sentences.append(
                f"The {result.name} gave 100 % accuracy, which is implausible: look for recordings that are there "
                "twice, or for features that give the label away."
            )
    return tuple(sentences)
