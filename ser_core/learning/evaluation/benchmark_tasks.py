"""Which rows a condition of the benchmark trains on and tests, and by which names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ser_core.config.settings import TrainingSettings
from ser_core.emotions import scheme_of
from ser_core.learning.evaluation.corpus_conditions import CorpusCondition
from ser_core.learning.evaluation.fold_predictions import Task
from ser_core.learning.evaluation.result_rows import PEER, line_of
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import Split, random_split, speaker_folds
from ser_core.sound.augmentation import RECORDED

RANDOM_SPLITS = 5
"""So many random splits are drawn: one alone tests too few clips to tell much."""


def own_task(
    data: LabelledFeatures, clips: Mapping[str, str], condition: CorpusCondition, training: TrainingSettings
) -> Task:
    """The condition itself, with all that its models are tested under; `clips` names recordings by recording_id.

    Raises:
        TrainingError: `data` has fewer than two emotions of the label scheme.
    """
    lines = {name: one.name for name, one in condition.lines.items()}
    return _task(lines, data, clips, condition, training, [one.name for one in condition.heard])


def transfer_task(
    name: str, data: LabelledFeatures, clips: Mapping[str, str], condition: CorpusCondition, training: TrainingSettings
) -> Task:
    """As `own_task`, of rows from elsewhere, on a line that begins with `name`."""
    heard = [one.name for one in condition.heard]
    return _task({line_of(name, condition): condition.tested.name}, data, clips, condition, training, heard)


def peer_task(
    name: str, data: LabelledFeatures, clips: Mapping[str, str], condition: CorpusCondition, training: TrainingSettings
) -> Task:
    """A peer under the condition: trained on the recordings as they are, whatever is tested."""
    line = line_of(f"{PEER}{name}", condition)
    return _task({line: condition.tested.name}, data, clips, condition, training, [RECORDED.name])


def _task(
    lines: Mapping[str, str],
    data: LabelledFeatures,
    clips: Mapping[str, str],
    condition: CorpusCondition,
    training: TrainingSettings,
    trained: Sequence[str],
) -> Task:
    scheme = scheme_of(condition.scheme or training.label_scheme, set(data.emotion.tolist()))
    kept, classes = data.in_scheme(scheme), tuple(scheme.classes)
    return Task(lines, kept, classes, tuple(trained), condition.normalised, condition.by_speaker, clips)


def splits_of(
    task: Task,
    published: Sequence[Sequence[str]] | None,
    training: TrainingSettings,
    wanted: Collection[int] | None,
) -> dict[int, Split]:
    """The task's folds by number: by speaker, the `published` ones where the settings say so, or `RANDOM_SPLITS` at
    random; of these the `wanted`, all where None.

    Raises:
        TrainingError: the data cannot be split.
    """
    if task.by_speaker:
        folds = published if training.folds == "corpus" else None
        every = speaker_folds(task.data.speaker, folds, training.group_folds, training.seed)
    else:
        every = tuple(random_split(task.data, training.seed + number) for number in range(RANDOM_SPLITS))
    return {number: split for number, split in enumerate(every) if wanted is None or number in wanted}
