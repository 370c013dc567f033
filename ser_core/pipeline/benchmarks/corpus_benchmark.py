"""A labelled corpus under every condition of the benchmark: predictions of our models and of the peers'."""

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
from ser_core.pipeline.benchmarks.corpus_data import CorpusData, CorpusSource, at_rate, check_folds, tutorial_changes
from ser_core.sound.augmentation import RECORDED

_log = logging.getLogger(__name__)
Recipe = Callable[[TrainingSettings, bool], TrainingSettings]


class CorpusBenchmark:
    """Predictions under every condition, of the peers, and across corpora.

    Args:
        settings: of the corpus and the features; of training, the label scheme, seed and folds.
        conditions: names; None for all that the corpus's emotions allow.
        folds: numbers; None for all.
        across: settings of other corpora, to train on one corpus and test on the other.
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
            raise SettingsError([f"there is no condition {', '.join(unknown)}; known are {', '.join(CONDITIONS)}"])
        self._settings, self._training, self._peers = settings, settings.training, peers
        self._asked = conditions is not None
        self._chosen = [CONDITIONS[name] for name in dict.fromkeys(conditions or CONDITIONS)]
        self._source, self._across = CorpusSource(settings), [CorpusSource(other) for other in across]
        names = [source.corpus.reader.name for source in (self._source, *self._across)]
        if len(set(names)) < len(names):
            raise SettingsError([f"the corpora are called {', '.join(names)}; expected different names"])
        for path in peers.values():
            check_peer(path)
        published = self._source.corpus.reader.folds if self._training.folds == "corpus" else None
        check_folds(folds or (), len(published) if published else self._training.group_folds)
        self._folds = folds
        self._searched: dict[str, dict[int, dict[str, Any]]] = {}
        self._left_out: dict[str, str] = {}

    def run(self, session: SparkSession, log: OuterLog) -> pa.Table:
        """Rows of `fold_predictions.PREDICTIONS`: conditions, languages, other corpora, annotators, peers.

        `log` gets a line for every tested outer fold.

        Raises:
            SerError: a corpus cannot be used.
        """
        self._log = log
        own: dict[str, pa.Table] = {}
        transfer: list[pa.Table] = []
        peers: list[pa.Table] = []
        # One rate at a time: the rows of each are hundreds of megabytes.
        for rate in dict.fromkeys(condition.sample_rate_hz for condition in self._chosen):
            group = [condition for condition in self._chosen if condition.sample_rate_hz == rate]
            corpus = self._read(session, group, rate)
            tutorial = self._read_tutorial(session, group, rate)
            for condition in group:
                task = self._own_task(corpus, condition)
                if task is not None:
                    own[condition.name] = self._condition(task, corpus, condition)
                    peers += self._peer_lines(corpus, tutorial, condition)
            transferred = [condition for condition in group if condition.name in own and condition.name in TRANSFERRED]
            transfer += self._languages(corpus, transferred)
            for other in self._across:
                transfer += self._between(session, corpus, other, transferred)
        ordered = [own[condition.name] for condition in self._chosen if condition.name in own]
        return pa.concat_tables([*ordered, *transfer, annotator_decisions(corpus.annotations), *peers])

    def facts(self) -> dict[str, Any]:
        """Facts of a finished run, as plain values.

        The corpus, its features, the classifier's settings by condition, the settings from a search by condition and
        fold, and why conditions were `left_out`.
        """
        recipes = {each.name: recipe(self._training, each.normalised) for each in self._chosen}
        return {
            "corpus": self._source.corpus.reader.name,
            "features": self._settings.features.model_dump(mode="json"),
            "training": {name: training.model_dump(mode="json") for name, training in recipes.items()},
            "searched": self._searched,
            "left_out": self._left_out,
        }

    def _read(self, session: SparkSession, group: Sequence[CorpusCondition], rate: int | None) -> CorpusData:
        every = [part for condition in group for part in (*condition.trained, *condition.also.values())]
        return self._source.read(session, list(dict.fromkeys(every)), {"features": at_rate(rate)})

    def _read_tutorial(self, session: SparkSession, group: Sequence[CorpusCondition], rate: int | None) -> CorpusData:
        every = [RECORDED, *(condition.tested for condition in group)]
        return self._source.read(session, list(dict.fromkeys(every)), tutorial_changes(rate))

    def _own_task(self, corpus: CorpusData, condition: CorpusCondition) -> Task | None:
        try:
            return own_task(corpus.data, corpus.clips, condition, self._training)
        except TrainingError as error:
            if self._asked:
                raise
            self._leave_out(condition.name, error)
            return None

    def _leave_out(self, name: str, error: TrainingError) -> None:
        self._left_out[name] = str(error)
        _log.warning("%s is left out: %s", name, error)

    def _condition(self, task: Task, corpus: CorpusData, condition: CorpusCondition) -> pa.Table:
        splits = splits_of(task, corpus.folds, self._training, self._folds)
        changed: dict[int, dict[str, Any]] = {number: {} for number in splits}
        if condition.by_speaker:
            for number, split in splits.items():
                strangers = set(task.data.speaker[split.test].tolist())
                changed[number] = searched(corpus.corpus, condition.name, number, strangers)
        self._searched[condition.name] = changed
        base = recipe(self._training, condition.normalised)
        settings = {number: with_overrides(base, overrides) for number, overrides in changed.items()}
        return self._run(task, splits, settings, corpus)

    def _peer_lines(self, corpus: CorpusData, tutorial: CorpusData, condition: CorpusCondition) -> Iterator[pa.Table]:
        yield self._peer("tutorial", tutorial, condition, tutorial_recipe)
        if condition.sample_rate_hz is None:
            for name, path in self._peers.items():
                data = with_vectors(corpus.data, corpus.clips, path)
                yield self._peer(name, replace(corpus, data=data, features=path.name), condition, recipe)

    def _peer(self, name: str, corpus: CorpusData, condition: CorpusCondition, settings_of: Recipe) -> pa.Table:
        task = peer_task(name, corpus.data, corpus.clips, condition, self._training)
        splits = splits_of(task, corpus.folds, self._training, self._folds)
        settings = settings_of(self._training, condition.normalised)
        return self._run(task, splits, dict.fromkeys(splits, settings), corpus)

    def _languages(self, corpus: CorpusData, conditions: Sequence[CorpusCondition]) -> Iterator[pa.Table]:
        """Each language, tested with models of the others."""
        for condition in conditions:
            task = transfer_task("language", corpus.data, corpus.clips, condition, self._training)
            for tag, split in language_splits(task.data).items():
                lines = {line_of(f"language:{tag}", condition): condition.tested.name}
                yield self._once(replace(task, lines=lines), split, condition, corpus)

    def _between(
        self, session: SparkSession, corpus: CorpusData, source: CorpusSource, conditions: Sequence[CorpusCondition]
    ) -> Iterator[pa.Table]:
        """Trained on one corpus and tested on the other, both ways."""
        read: dict[Any, CorpusData] = {}
        for condition in conditions:
            if condition.trained not in read:
                read[condition.trained] = source.condition(session, condition)
            other = read[condition.trained]
            for pair in ((corpus, other), (other, corpus)):
                parts = {each.corpus: each.data for each in pair}
                name = f"across:{'->'.join(parts)}"
                try:
                    data, split = between(parts, self._training.label_scheme)
                except TrainingError as error:  # the other conditions are still evaluated
                    self._leave_out(name, error)
                    continue
                clips = {
                    f"{each.corpus}/{key}": f"{each.corpus}/{clip}" for each in pair for key, clip in each.clips.items()
                }
                task = transfer_task(name, data, clips, condition, self._training)
                yield self._once(task, split, condition, corpus)

    def _once(self, task: Task, split: Split, condition: CorpusCondition, corpus: CorpusData) -> pa.Table:
        return self._run(task, {0: split}, {0: recipe(self._training, condition.normalised)}, corpus)

    def _run(
        self, task: Task, splits: Mapping[int, Split], settings: Mapping[int, TrainingSettings], corpus: CorpusData
    ) -> pa.Table:
        _log.info("%s: %d folds of %d rows", ", ".join(task.lines), len(splits), len(task.data))
        predictions = run_task(task, splits, settings.__getitem__, cpu_count())
        facts = {"corpus": corpus.corpus, "features": corpus.features, "trained": list(task.trained)}
        self._log.add(predictions, settings, facts, dt.datetime.now(dt.UTC))
        return predictions
