"""Folds of a corpus → predictions, one row per labelled recording, from which every metric can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from joblib import Parallel, delayed

from ser_core.config.settings import TrainingSettings
from ser_core.data.tables.schemas import probability
from ser_core.emotions import EMOTIONS
from ser_core.errors import TrainingError
from ser_core.learning.training.cross_validation import Fit, decide
from ser_core.learning.training.fitted_model import SpeakerModel
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.splits import Split

PREDICTIONS = pa.schema(
    [
        ("condition", pa.string()),
        ("fold", pa.int32()),
        *((name, pa.string()) for name in ("clip", "speaker", "truth", "emotion")),
        *((probability(emotion), pa.float32()) for emotion in EMOTIONS),
    ]
)
"""`emotion` is the decision. `p_<emotion>` is null for an emotion that is not a class, and in annotators' rows."""

SettingsOf = Callable[[int], TrainingSettings]
"""The classifier's settings by fold number."""


@dataclass(frozen=True)
class Task:
    """Models of one kind, and their test conditions.

    Attributes:
        lines: test conditions by the row of the result table.
        data: all rows.
        classes: emotion names.
        trained: training conditions.
        together: all rows of a test speaker are normalised as one voice, otherwise those of a recording.
        by_speaker: no speaker may be in both parts of a split.
        clips: recording names by recording_id.
    """

    lines: Mapping[str, str]
    data: LabelledFeatures
    classes: tuple[str, ...]
    trained: tuple[str, ...]
    together: bool
    by_speaker: bool
    clips: Mapping[str, str]


def run_task(
    task: Task, splits: Mapping[int, Split], settings_of: SettingsOf, jobs: int, fit: Fit = fit_model
) -> pa.Table:
    """Rows of `PREDICTIONS` of the folds in `splits` (by number), in the order of `task.lines`.

    Folds are fitted in `jobs` processes; their number changes no result.

    Raises:
        TrainingError: a recording is in both parts of a split, or a speaker where `by_speaker` forbids it; or a part
            cannot be used.
    """
    for number, split in splits.items():
        check_disjoint(task.data, split, f"{', '.join(task.lines)}, fold {number}", task.by_speaker)
    parts = Parallel(n_jobs=max(1, min(jobs, len(splits))))(
        delayed(_predict_fold)(task, number, split, settings_of(number), fit) for number, split in splits.items()
    )
    return pa.concat_tables(part[line] for line in range(len(task.lines)) for part in parts)


def check_disjoint(data: LabelledFeatures, split: Split, where: str, by_speaker: bool) -> None:
    """Checks that no recording, or with `by_speaker` no speaker, is in both parts of a split, under any condition.

    Raises:
        TrainingError: with the names that are in both.
    """
    columns = {"recordings": data.recording_id, **({"speakers": data.speaker} if by_speaker else {})}
    for what, column in columns.items():
        both = sorted(set(column[split.train].tolist()) & set(column[split.test].tolist()))
        if both:
            raise TrainingError(
                f"{where}: the {what} {', '.join(both[:5])} are in the train and the test part; expected disjoint parts"
            )


def _predict_fold(task: Task, number: int, split: Split, settings: TrainingSettings, fit: Fit) -> list[pa.Table]:
    train, test = task.data.take(split.train), task.data.take(split.test)
    model = fit(train.of_condition(*task.trained), task.classes, settings)
    return list(_decisions(task, number, test, model))


def _decisions(task: Task, number: int, test: LabelledFeatures, model: SpeakerModel) -> Iterator[pa.Table]:
    for name, condition in task.lines.items():
        rows = test.of_condition(condition)
        voice = rows.speaker if task.together else rows.recording_id
        truth, mean = decide(rows, model, voice)
        posteriors = mean.astype(np.float32)  # as in the table, so that equal posteriors are equal when read
        units = np.stack([rows.recording_id, rows.emotion], axis=1)
        _, first = np.unique(units, axis=0, return_index=True)  # in the order of `decide`
        columns: dict[str, pa.Array] = {
            "condition": pa.array([name] * len(first)),
            "fold": pa.array([number] * len(first), pa.int32()),
            "clip": pa.array([task.clips[recording] for recording in rows.recording_id[first].tolist()]),
            "speaker": pa.array(rows.speaker[first].tolist()),
            "truth": pa.array([task.classes[index] for index in truth]),
            "emotion": pa.array([task.classes[index] for index in posteriors.argmax(axis=1)]),
        }
        for emotion in EMOTIONS:
            known = emotion in task.classes
            values = posteriors[:, task.classes.index(emotion)] if known else [None] * len(first)
            columns[probability(emotion)] = pa.array(values, pa.float32())
        yield pa.table(columns, schema=PREDICTIONS)
