"""Evaluation by two protocols: a random split, which is optimistic, and speaker-independent folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import TrainingSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.training.fitted_model import SpeakerModel
from ser_core.learning.training.importance import FamilyImportance, HeldOut, pooled_importance
from ser_core.learning.training.labelled_features import LabelledFeatures, Texts, class_index
from ser_core.learning.training.metrics import Metrics, measure
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.splits import Split, random_split, speaker_folds

RANDOM_SPLIT = "random split 75/25"
SPEAKER_INDEPENDENT = "speaker-independent folds"
SPEAKER_NORMALISED = "speaker-independent folds, normalised by the test speaker's own unlabelled clips (transductive)"

IMPORTANCE_REPEATS = 3
"""Shufflings of a family. Folds and rows are many, so their deviation is small."""

NO_FAMILIES: Mapping[str, Sequence[int]] = MappingProxyType({})

Fit = Callable[[LabelledFeatures, Sequence[str], TrainingSettings], SpeakerModel]
Voices = Callable[[LabelledFeatures], Texts]

Decisions = tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class ProtocolResult:
    """The metrics of one protocol, over the decisions of all its folds together.

    A decision is made on a labelled recording: the largest mean posterior of its segments. A recording with several
    labels counts once for each. `uar_by_fold` shows how much the folds differ.
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
    """The results of both protocols, and `warnings`, sentences for whoever decides whether the model is good enough.

    - `random_split`, `speaker_independent`: every test recording is normalised by itself, as a single clip is.
    - `speaker_normalised`: the same models and folds as `speaker_independent`, with statistics of each test speaker
      over all their clips, without labels, as over all segments of a call.
    - `importance`: of the models of `speaker_independent` on their test rows, normalised as there.
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
            "importance": [family.to_json() for family in self.importance],
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
    """Fits and tests models by both protocols. The emotions of `data` are names in `classes`.

    Models are trained on all rows of a train part and tested on the rows of a test part as recorded. An altered copy of
    a test recording is in neither. The published folds are used where `settings.folds` is `corpus` and they cover the
    data's speakers. `families` are the columns of a vector by feature family, for the importance.

    Raises:
        TrainingError: the data cannot be split, or cannot train.
    """
    published = published_folds if settings.folds == "corpus" else None
    random_fold = fit_folds(data, classes, (random_split(data, settings.seed),), settings, fit)
    by_recording = measure_folds(RANDOM_SPLIT, random_fold, _by_recording)
    folds = speaker_folds(data.speaker, published, settings.group_folds, settings.seed)
    fitted = fit_folds(data, classes, folds, settings, fit)
    by_speaker = measure_folds(SPEAKER_INDEPENDENT, fitted, _by_recording)
    normalised = measure_folds(SPEAKER_NORMALISED, fitted, _by_speaker)
    held_out = [HeldOut(fold.model, fold.test, _by_recording(fold.test)) for fold in fitted]
    importance = pooled_importance(held_out, families, IMPORTANCE_REPEATS, settings.seed) if families else ()
    warnings = warnings_of((by_recording, by_speaker, normalised), settings.warn_accuracy_below)
    return Evaluation(tuple(classes), by_recording, by_speaker, normalised, importance, warnings)


def _by_recording(data: LabelledFeatures) -> Texts:
    return data.recording_id


def _by_speaker(data: LabelledFeatures) -> Texts:
    return data.speaker


@dataclass(frozen=True)
class FittedFold:
    """A model, the number of its training rows, and its test rows, as recorded."""

    model: SpeakerModel
    train_rows: int
    test: LabelledFeatures


def fit_folds(
    data: LabelledFeatures, classes: Sequence[str], splits: Sequence[Split], settings: TrainingSettings, fit: Fit
) -> tuple[FittedFold, ...]:
    """Fits a model on the train part of each split."""
    return tuple(
        FittedFold(
            model=fit(data.take(split.train), classes, settings),
            train_rows=len(split.train),
            test=data.take(split.test).of_condition(AS_RECORDED),
        )
        for split in splits
    )


def measure_folds(name: str, folds: Sequence[FittedFold], voices: Voices) -> ProtocolResult:
    """Predicts the test part of each fold, and measures all decisions together.

    `voices` gives a value for each test row; rows with equal values are normalised together.
    """
    decisions = [decide(fold.test, fold.model, voices(fold.test)) for fold in folds]
    truths, means = zip(*decisions, strict=True)
    classes = folds[0].model.classes
    return ProtocolResult(
        name=name,
        metrics=measure(np.concatenate(truths), np.concatenate(means), classes),
        uar_by_fold=tuple(measure(truth, mean, classes).uar for truth, mean in decisions),
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
    """Warnings of a speaker-independent accuracy below the limit, and of any accuracy of 100 %."""
    sentences = []
    for result in results:
        accuracy = result.metrics.accuracy
        if result.name == SPEAKER_INDEPENDENT and accuracy < warn_accuracy_below:
            sentences.append(
                f"Speaker-independent accuracy is {accuracy:.1%}, below training.warn_accuracy_below "
                f"{warn_accuracy_below:.0%}: many segments of unknown speakers will be predicted wrongly."
            )
        if accuracy == 1.0:
            sentences.append(
                f"The {result.name} gave 100 % accuracy, which is implausible: look for duplicate recordings, "
                "or for features that reveal the label."
            )
    return tuple(sentences)
