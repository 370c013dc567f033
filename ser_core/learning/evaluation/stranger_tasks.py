"""One model of several corpora, and the corpora that it is tested on: ours and the peers'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from ser_core.config.settings import TrainingSettings
from ser_core.emotions import EMOTIONS
from ser_core.errors import TrainingError
from ser_core.learning.evaluation.stranger_conditions import (
    LINE_CONDITIONS,
    PEER_CONDITIONS,
    STRANGER_CONDITIONS,
    StrangerRow,
)
from ser_core.learning.evaluation.stranger_peers import fit_peer
from ser_core.learning.evaluation.stranger_rows import StrangerModel, TestedCorpus, shared_classes, stranger_rows
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model


class StrangerResult(NamedTuple):
    """Predictions, and why a corpus or a row is left out, by name."""

    tables: list[pa.Table]
    left_out: dict[str, str]


@dataclass(frozen=True)
class StrangerTask:
    """Rows to train on, all conditions, and weights of their corpora; corpora to test; whether over a line; whose."""

    trained: LabelledFeatures
    weights: Mapping[str, float]
    tested: tuple[TestedCorpus, ...]
    line: bool
    peer: str | None = None


def run_stranger_task(task: StrangerTask, training: TrainingSettings) -> StrangerResult:
    """Predictions of the task's model under every condition; a peer has one model for each way to measure vectors.

    Raises:
        TrainingError: the rows cannot train, or a corpus or a speaker is both trained on and tested.
    """
    _check_disjoint(task)
    result = StrangerResult([], {})
    classes = present_classes(task.trained)
    if task.peer is None:
        model: StrangerModel = fit_model(task.trained, classes, training, task.weights)
        names = LINE_CONDITIONS if task.line else tuple(STRANGER_CONDITIONS)
        _test(task, model, names, training.seed, result)
        return result
    measured: dict[tuple[bool, bool], list[str]] = {}
    for name in PEER_CONDITIONS:
        condition = STRANGER_CONDITIONS[name]
        measured.setdefault((condition.archive, condition.speakers), []).append(name)
    for (archive, speakers), names_of in measured.items():
        peer = fit_peer(task.trained, classes, task.weights, (archive, speakers), training.seed)
        _test(task, peer, tuple(names_of), training.seed, result)
    return result


def _test(task: StrangerTask, model: StrangerModel, names: tuple[str, ...], seed: int, result: StrangerResult) -> None:
    for corpus in task.tested:
        try:
            shared = shared_classes(corpus.data, task.trained)
        except TrainingError as error:
            result.left_out[corpus.name] = str(error)
            continue
        for name in names:
            condition = STRANGER_CONDITIONS[name]
            row = StrangerRow(corpus.name, task.line, condition, task.peer).name
            table = stranger_rows(model, corpus, shared, condition, row, seed)
            if table is None:
                result.left_out[row] = "the corpus has no neutral clip"
            else:
                result.tables.append(table)


def present_classes(data: LabelledFeatures) -> tuple[str, ...]:
    """The emotions of `data`, in the order of `EMOTIONS`."""
    names = set(data.emotion.tolist())
    return tuple(name for name in EMOTIONS if name in names)


def _check_disjoint(task: StrangerTask) -> None:
    trained = set(task.trained.corpus.tolist())
    speakers = set(task.trained.speaker.tolist())
    for corpus in task.tested:
        if corpus.name in trained or not speakers.isdisjoint(corpus.data.speaker.tolist()):
            raise TrainingError(f"the corpus {corpus.name} is trained on and tested; expected disjoint corpora")
