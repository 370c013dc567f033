"""A labelled corpus under every condition of the benchmark: what models say of strangers, ours and the peers'."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from joblib import cpu_count
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.config.searched import searched, with_overrides
from ser_core.config.settings import TrainingSettings
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.evaluation.annotators import annotator_decisions
from ser_core.learning.evaluation.benchmark_tasks import own_task, peer_task, splits_of, transfer_task
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, CorpusCondition, recipe, tutorial_recipe
from ser_core.learning.evaluation.fold_predictions import Task, run_task
from ser_core.learning.evaluation.outer_fold_log import OuterLog
from ser_core.learning.evaluation.peers import check_peer, with_vectors
from ser_core.learning.evaluation.result_rows import TRANSFERRED, line_of
from ser_core.learning.evaluation.transfer import between, language_splits
from ser_core.learning.training.splits import Split
from ser_core.pipeline.benchmarks.corpus_data import CorpusData, CorpusSource
from ser_core.sound.augmentation import RECORDED

_log = logging.getLogger(__name__)
_TUTORIAL_FEATURES: Mapping[str, Any] = {
    "set": "paper-180",
    "n_fft": 2048,
    "hop_length": 512,
    "mel_scale": "slaney",
    "mfcc": True,
    "chroma": True,
    "mel": True,
}
_WHOLE = {"mode": "whole"}
"""The tutorials average over the whole clip, silence and all."""

Recipe = Callable[[TrainingSettings, bool], TrainingSettings]


class CorpusBenchmark:
    """Every condition, the peers, and other corpora → predictions.

    Args:
        settings: of the corpus and the features; of training, label scheme, seed and folds.
        conditions: names, None for all that the corpus's emotions allow.
        folds: numbers, None for all.
        across: settings of further corpora, to train on one and test on the other.
        peers: Parquet files of other toolkits' features (`clip`, `vector`) by the peer's name.

    Raises:
        SettingsError, CorpusError: a corpus or a peer's file cannot be used, or there is no such condition or fold.
    """

    def __init__(
        self,
        settings: Settings,
        conditions: Sequence[str] | None,
        folds: Sequence[int] | None,
        across: Sequence[Settings],
        peers: Mapping[str, Path],
    ) -> None:
        unknown = [name for name in conditions or () if name not in CONDITIONS]
        if unknown:
            raise SettingsError([f"there is no condition {', '.join(unknown)}; there are {', '.join(CONDITIONS)}"])
        self._settings, self._training, self._peers = settings, settings.training, peers
        self._asked = conditions is not None
        self._chosen = [CONDITIONS[name] for name in dict.fromkeys(conditions or CONDITIONS)]
        self._source, self._across = CorpusSource(settings), [CorpusSource(one) for one in across]
        names = [one.corpus.reader.name for one in (self._source, *self._across)]
        if len(set(names)) < len(names):
            raise SettingsError([f"the corpora are called {', '.join(names)}; expected a name for each"])
        for path in peers.values():
            check_peer(path)
        published = self._source.corpus.reader.folds if self._training.folds == "corpus" else None
        count = len(published) if published else self._training.group_folds
        wrong = [number for number in folds or () if not 0 <= number < count]
        if wrong:
            raise SettingsError([f"there is no fold {wrong}: the corpus has the folds 0 to {count - 1}"])
        self._folds = folds
        self._searched: dict[str, dict[int, dict[str, Any]]] = {}
        self._left_out: dict[str, str] = {}

    def run(self, session: SparkSession, log: OuterLog) -> pa.Table:
        """Rows of `fold_predictions.PREDICTIONS`: the conditions, what goes beyond the corpus, the peers.

        `log` gets a line for every outer fold that is tested.

        Raises:
            SerError: a corpus cannot be used.
        """
        self._log = log
        own: dict[str, pa.Table] = {}
        beyond: list[pa.Table] = []
        peers: list[pa.Table] = []
        # One rate at a time, as the rows of one are hundreds of megabytes.
        for rate in dict.fromkeys(condition.sample_rate_hz for condition in self._chosen):
            group = [condition for condition in self._chosen if condition.sample_rate_hz == rate]
            found = self._read(session, group, rate)
            tutorial = self._read_tutorial(session, group, rate)
            for condition in group:
                task = self._own_task(found, condition)
                if task is not None:
                    own[condition.name] = self._condition(task, found, condition)
                    peers += self._peer_lines(found, tutorial, condition)
            transferred = [condition for condition in group if condition.name in own and condition.name in TRANSFERRED]
            beyond += self._languages(found, transferred)
            beyond += [line for other in self._across for line in self._between(session, found, other, transferred)]
        ordered = [own[condition.name] for condition in self._chosen if condition.name in own]
        return pa.concat_tables([*ordered, *beyond, annotator_decisions(found.heard), *peers])

    def facts(self) -> dict[str, Any]:
        """After a run, what it depended on, as plain values: the corpus and its features, the classifier's settings by
        condition, what a search found instead by condition and fold, and why conditions were `left_out`."""
        used = {one.name: recipe(self._training, one.normalised).model_dump(mode="json") for one in self._chosen}
        return {
            "corpus": self._source.corpus.reader.name,
            "features": self._settings.features.model_dump(mode="json"),
            "training": used,
            "searched": self._searched,
            "left_out": self._left_out,
        }

    def _read(self, session: SparkSession, group: Sequence[CorpusCondition], rate: int | None) -> CorpusData:
        every = [one for condition in group for one in (*condition.heard, *condition.also.values())]
        return self._source.read(session, list(dict.fromkeys(every)), {"features": _at(rate)})

    def _read_tutorial(self, session: SparkSession, group: Sequence[CorpusCondition], rate: int | None) -> CorpusData:
        every = [RECORDED, *(condition.tested for condition in group)]
        changes = {"features": {**_TUTORIAL_FEATURES, **_at(rate)}, "segments": _WHOLE}
        return self._source.read(session, list(dict.fromkeys(every)), changes)

    def _own_task(self, found: CorpusData, condition: CorpusCondition) -> Task | None:
        try:
            return own_task(found.data, found.clips, condition, self._training)
        except TrainingError as error:
            if self._asked:
                raise
            self._leave_out(condition.name, error)
            return None

    def _leave_out(self, name: str, error: TrainingError) -> None:
        self._left_out[name] = str(error)
        _log.warning("%s is left out: %s", name, error)

    def _condition(self, task: Task, found: CorpusData, condition: CorpusCondition) -> pa.Table:
        splits = splits_of(task, found.folds, self._training, self._folds)
        changed: dict[int, dict[str, Any]] = {number: {} for number in splits}
        if condition.by_speaker:
            for number, split in splits.items():
                strangers = set(task.data.speaker[split.test].tolist())
                changed[number] = searched(found.corpus, condition.name, number, strangers)
        self._searched[condition.name] = changed
        base = recipe(self._training, condition.normalised)
        settings = {number: with_overrides(base, overrides) for number, overrides in changed.items()}
        return self._run(task, splits, settings, found)

    def _peer_lines(self, found: CorpusData, tutorial: CorpusData, condition: CorpusCondition) -> Iterator[pa.Table]:
        yield self._peer("tutorial", tutorial, condition, tutorial_recipe)
        if condition.sample_rate_hz is None:
            for name, path in self._peers.items():
                data = with_vectors(found.data, found.clips, path)
                yield self._peer(name, replace(found, data=data, features=path.name), condition, recipe)

    def _peer(self, name: str, found: CorpusData, condition: CorpusCondition, settings_of: Recipe) -> pa.Table:
        task = peer_task(name, found.data, found.clips, condition, self._training)
        splits = splits_of(task, found.folds, self._training, self._folds)
        settings = settings_of(self._training, condition.normalised)
        return self._run(task, splits, dict.fromkeys(splits, settings), found)

    def _languages(self, found: CorpusData, conditions: Sequence[CorpusCondition]) -> Iterator[pa.Table]:
        """Each language against models of the others."""
        for condition in conditions:
            task = transfer_task("language", found.data, found.clips, condition, self._training)
            for tag, split in language_splits(task.data).items():
                lines = {line_of(f"language:{tag}", condition): condition.tested.name}
                yield self._once(replace(task, lines=lines), split, condition, found)

    def _between(
        self, session: SparkSession, found: CorpusData, source: CorpusSource, conditions: Sequence[CorpusCondition]
    ) -> Iterator[pa.Table]:
        """Trained on one corpus and tested on the other, both ways."""
        read: dict[Any, CorpusData] = {}
        for condition in conditions:
            if condition.heard not in read:
                read[condition.heard] = source.condition(session, condition)
            other = read[condition.heard]
            for one, two in ((found, other), (other, found)):
                parts = {of.corpus: of.data for of in (one, two)}
                name = f"across:{'->'.join(parts)}"
                try:
                    data, split = between(parts, self._training.label_scheme)
                except TrainingError as error:  # all that was found before is kept
                    self._leave_out(name, error)
                    continue
                clips = {
                    f"{of.corpus}/{key}": f"{of.corpus}/{name}" for of in (one, two) for key, name in of.clips.items()
                }
                task = transfer_task(name, data, clips, condition, self._training)
                yield self._once(task, split, condition, found)

    def _once(self, task: Task, split: Split, condition: CorpusCondition, found: CorpusData) -> pa.Table:
        return self._run(task, {0: split}, {0: recipe(self._training, condition.normalised)}, found)

    def _run(
        self, task: Task, splits: Mapping[int, Split], settings: Mapping[int, TrainingSettings], found: CorpusData
    ) -> pa.Table:
        _log.info("%s: %d folds of %d rows", ", ".join(task.lines), len(splits), len(task.data))
        predictions = run_task(task, splits, settings.__getitem__, cpu_count())
        of = {"corpus": found.corpus, "features": found.features, "trained": list(task.trained)}
        self._log.add(predictions, settings, of, dt.datetime.now(dt.UTC))
        return predictions


def _at(rate: int | None) -> dict[str, Any]:
    return {} if rate is None else {"sample_rate_hz": rate}
