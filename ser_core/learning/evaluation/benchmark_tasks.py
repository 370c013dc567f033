"""The tasks of the benchmark: training rows, test rows and row names of each condition."""

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
"""Number of random splits; a single split tests too few clips."""


def own_task(
    data: LabelledFeatures, clips: Mapping[str, str], condition: CorpusCondition, training: TrainingSettings
) -> Task:
    """The condition's own task, with all its test conditions; `clips` are recording names by recording_id.

    Raises:
        TrainingError: `data` has fewer than two emotions of the label scheme.
    """
    lines = {name: tested.name for name, tested in condition.lines.items()}
    return _task(lines, data, clips, condition, training, [trained.name for trained in condition.trained])


def transfer_task(
    name: str, data: LabelledFeatures, clips: Mapping[str, str], condition: CorpusCondition, training: TrainingSettings
) -> Task:
    """As `own_task`, on rows of other corpora, with a row name that begins with `name`."""
    trained = [of.name for of in condition.trained]
    return _task({line_of(name, condition): condition.tested.name}, data, clips, condition, training, trained)


def peer_task(
    name: str, data: LabelledFeatures, clips: Mapping[str, str], condition: CorpusCondition, training: TrainingSettings
) -> Task:
    """A peer's task under the condition: trained on recordings as they are, whatever the test condition."""
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
    """The task's splits by number: speaker folds, `published` ones where the settings ask for them, or `RANDOM_SPLITS`
    random splits. Only those in `wanted`, or all where it is None.

    Raises:
        TrainingError: the data cannot be split.
    """
    if task.by_speaker:
        folds = published if training.folds == "corpus" else None
        splits = speaker_folds(task.data.speaker, folds, training.group_folds, training.seed)
    else:
        splits = tuple(random_split(task.data, training.seed + number) for number in range(RANDOM_SPLITS))
    return {number: split for number, split in enumerate(splits) if wanted is None or number in wanted}
