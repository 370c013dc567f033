"""Folds of a corpus → predictions, one row a labelled recording, from which every figure can be computed again."""

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
from ser_core.learning.training.fitted_model import SpeakerModel, fit_model
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import Split

PREDICTIONS = pa.schema(
    [
        ("condition", pa.string()),
        ("fold", pa.int32()),
        *((name, pa.string()) for name in ("clip", "speaker", "truth", "emotion")),
        *((probability(emotion), pa.float32()) for emotion in EMOTIONS),
    ]
)
"""`emotion` is the decision; `p_<emotion>` is null for an emotion that is no class, and where somebody else decided."""

SettingsOf = Callable[[int], TrainingSettings]
"""Settings of the classifier by the fold's number."""


@dataclass(frozen=True)
class Task:
    """Models of one kind, and what they are tested on.

    Of `data`, the rows of the conditions `trained` are trained on. `lines` names, by the line of the table that they
    make, the conditions whose rows are decided on. With `together` all rows of a test speaker are normalised as one
    voice, else those of a recording. `by_speaker` demands that no speaker is in both parts of a split. `clips` are
    recordings' names by recording_id.
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
    """Rows of `PREDICTIONS`, of the folds in `splits` by number, line by line.

    Folds are fitted on `jobs` processes; how many changes no number.

    Raises:
        TrainingError: a recording, or where `by_speaker` forbids it a speaker, is trained on and tested; or a part
            cannot be used.
    """
    for number, split in splits.items():
        check_strangers(task.data, split, f"{', '.join(task.lines)}, fold {number}", task.by_speaker)
    parts = Parallel(n_jobs=max(1, min(jobs, len(splits))))(
        delayed(_fold)(task, number, split, settings_of(number), fit) for number, split in splits.items()
    )
    return pa.concat_tables(part[place] for place in range(len(task.lines)) for part in parts)


def check_strangers(data: LabelledFeatures, split: Split, where: str, by_speaker: bool) -> None:
    """Refuses a split whose test recordings, or `by_speaker` whose test speakers, are trained on, under whatever
    condition.

    Raises:
        TrainingError: naming who is in both.
    """
    columns = {"recordings": data.recording_id, **({"speakers": data.speaker} if by_speaker else {})}
    for what, column in columns.items():
        both = sorted(set(column[split.train].tolist()) & set(column[split.test].tolist()))
        if both:
            raise TrainingError(
                f"{where}: the {what} {', '.join(both[:5])} are trained on and tested; expected strangers only"
            )


def _fold(task: Task, number: int, split: Split, settings: TrainingSettings, fit: Fit) -> list[pa.Table]:
    train, test = task.data.take(split.train), task.data.take(split.test)
    model = fit(train.of_condition(*task.trained), task.classes, settings)
    return list(_decisions(task, number, test, model))


def _decisions(task: Task, number: int, test: LabelledFeatures, model: SpeakerModel) -> Iterator[pa.Table]:
    for name, condition in task.lines.items():
        heard = test.of_condition(condition)
        voice = heard.speaker if task.together else heard.recording_id
        truth, mean = decide(heard, model, voice)
        posteriors = mean.astype(np.float32)  # as they are written, so that a tie is the same tie when read
        units = np.stack([heard.recording_id, heard.emotion], axis=1)
        _, first = np.unique(units, axis=0, return_index=True)  # the order of `decide`
        columns: dict[str, pa.Array] = {
            "condition": pa.array([name] * len(first)),
            "fold": pa.array([number] * len(first), pa.int32()),
            "clip": pa.array([task.clips[one] for one in heard.recording_id[first].tolist()]),
            "speaker": pa.array(heard.speaker[first].tolist()),
            "truth": pa.array([task.classes[place] for place in truth]),
            "emotion": pa.array([task.classes[place] for place in posteriors.argmax(axis=1)]),
        }
        for emotion in EMOTIONS:
            known = emotion in task.classes
            values = posteriors[:, task.classes.index(emotion)] if known else [None] * len(first)
            columns[probability(emotion)] = pa.array(values, pa.float32())
        yield pa.table(columns, schema=PREDICTIONS)
