"""Corpora that were never heard: each of a list left out in turn, and further ones tested by a model of all."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from joblib import Parallel, cpu_count, delayed
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.config.corpus_list import each_corpus
from ser_core.emotions import scheme_of
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.evaluation.outer_fold_log import OuterLog
from ser_core.learning.evaluation.peers import check_peer, names_in, with_vectors
from ser_core.learning.evaluation.stranger_conditions import LINE
from ser_core.learning.evaluation.stranger_rows import STRANGER_PREDICTIONS, TestedCorpus
from ser_core.learning.evaluation.stranger_tasks import (
    StrangerResult,
    StrangerTask,
    present_classes,
    run_stranger_task,
)
from ser_core.learning.training.joined_corpora import join_corpora, named
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.pipeline.benchmarks.corpus_data import CorpusData, CorpusSource, at_rate, tutorial_changes
from ser_core.sound.augmentation import RECORDED, TELEPHONE_CONDITION, Condition, training_conditions

_log = logging.getLogger(__name__)
_LINE_HZ = 8000
_TUTORIAL = "tutorial"

Corpora = Mapping[str, CorpusData]


@dataclass(frozen=True)
class Channel:
    """How clips are heard: as they are recorded, or over a telephone line at `sample_rate_hz`."""

    line: bool
    sample_rate_hz: int | None
    tested: Condition
    copies: tuple[Condition, ...]


class TransferBenchmark:
    """Predictions on corpora that a model never heard, of our models and of peers.

    Args:
        settings: of the list `corpora`, the features and the training.
        tests: settings of further corpora, to be tested by a model of the whole list.
        peers: Parquet files of other toolkits' features (`clip`, `vector`) by the peer's name.

    Raises:
        SettingsError, CorpusError: a corpus or a peer's file cannot be used, or there is nothing to leave out.
    """

    def __init__(self, settings: Settings, tests: Sequence[Settings], peers: Mapping[str, Path]) -> None:
        self._settings, self._peers = settings, peers
        listed = each_corpus(settings)
        called = [own.corpus.name or own.corpus.kind for own in (*(own for own, _ in listed), *tests)]
        twice = sorted({name for name in called if called.count(name) > 1})
        if twice:
            raise SettingsError([f"--test: there is a corpus called {', '.join(twice)} already"])
        if len(called) < 2:
            raise SettingsError([f"corpora lists {called[0]} alone, and there is no --test: nothing is left to test"])
        for path in peers.values():
            check_peer(path)
        sources = [CorpusSource(own) for own in (*(own for own, _ in listed), *tests)]
        self._sources = dict(zip(called[: len(listed)], sources[: len(listed)], strict=True))
        self._tests = dict(zip(called[len(listed) :], sources[len(listed) :], strict=True))
        self._weights = dict(zip(self._sources, [weight for _, weight in listed], strict=True))
        self._left_out: dict[str, str] = {}
        self._features: dict[str, str] = {}
        self.emotions: dict[str, tuple[str, ...]] = {}
        self.people: dict[str, Mapping[str, Mapping[str, str]]] = {}

    def run(self, session: SparkSession, log: OuterLog) -> pa.Table:
        """Rows of `STRANGER_PREDICTIONS`. `log` gets a line for every row of the result.

        Raises:
            SerError: a corpus cannot be used.
        """
        copies = training_conditions(self._settings.augmentation)
        channels = [
            Channel(line, rate, tested, tuple(copy for copy in copies if copy.name.startswith(kind)))
            for line, rate, tested, kind in (
                (False, None, RECORDED, "varied"),
                (True, _LINE_HZ, TELEPHONE_CONDITION, "line"),
            )
        ]
        tables = [table for channel in channels for table in self._channel(session, channel, log)]
        return pa.concat_tables(tables) if tables else STRANGER_PREDICTIONS.empty_table()

    def classes_of(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """By tested corpus, the emotions of each corpus that its model was trained on."""
        return {
            name: {other: self.emotions[other] for other in self._sources if other != name} for name in self.emotions
        }

    def facts(self) -> dict[str, Any]:
        """The corpora with their weights, their emotions, the features, the settings of training, what is left out."""
        return {
            "corpora": [
                {"name": name, "weight": self._weights.get(name), "emotions": list(self.emotions.get(name, ()))}
                for name in (*self._sources, *self._tests)
            ],
            "features": self._features,
            "training": self._settings.training.model_dump(mode="json"),
            "left_out": self._left_out,
        }

    def _channel(self, session: SparkSession, channel: Channel, log: OuterLog) -> list[pa.Table]:
        ours = self._read(session, channel, {"features": at_rate(channel.sample_rate_hz)}, channel.copies)
        tutorial = self._read(session, channel, tutorial_changes(channel.sample_rate_hz), ())
        heard: dict[str | None, Corpora] = {None: ours, _TUTORIAL: tutorial}
        if not channel.line:
            heard |= {name: _with_vectors(ours, path) for name, path in self._peers.items()}
        self._note(heard, channel)
        tasks = [task for peer, corpora in heard.items() for task in self._tasks(corpora, channel, peer)]
        _log.info("%s: %d models", "telephone line" if channel.line else "as recorded", len(tasks))
        training = self._settings.training
        # The largest first, so that the cores end together.
        order = sorted(range(len(tasks)), key=lambda number: -tasks[number].trained.X.size)
        found: list[StrangerResult] = Parallel(n_jobs=max(1, min(cpu_count(), len(tasks))))(
            delayed(run_stranger_task)(tasks[number], training) for number in order
        )
        results = dict(zip(order, found, strict=True))
        tables = []
        for number, task in enumerate(tasks):
            self._left_out |= results[number].left_out
            tables += results[number].tables
            facts = {"features": self._features[_what(task.peer, channel)]}
            for table in results[number].tables:
                log.add(table, {0: training}, facts, dt.datetime.now(dt.UTC))
        return tables

    def _read(
        self, session: SparkSession, channel: Channel, changes: Mapping[str, Any], copies: Sequence[Condition]
    ) -> dict[str, CorpusData]:
        """Every corpus, its labels in the scheme, its names joined; those that are tested only without copies."""
        found = {}
        for name, source in {**self._sources, **self._tests}.items():
            altered = copies if name in self._sources else ()
            read = source.read(session, [channel.tested, *altered], changes)
            scheme = scheme_of(self._settings.training.label_scheme, set(read.data.emotion.tolist()))
            try:
                labelled = read.data.in_scheme(scheme)
            except TrainingError as error:
                if name in self._sources:
                    raise
                self._left_out[name] = str(error)  # the others are still tested
                continue
            data = join_corpora({name: labelled})
            clips = {named(name, recording): clip for recording, clip in read.clips.items()}
            found[name] = replace(read, data=data, clips=clips)
        return found

    def _tasks(self, corpora: Corpora, channel: Channel, peer: str | None) -> list[StrangerTask]:
        """A task for each corpus of the list, trained on the others; and one for all further corpora."""
        tested = {
            name: TestedCorpus(name, corpus.data.of_condition(channel.tested.name), corpus.clips)
            for name, corpus in corpora.items()
        }
        tasks = []
        for name in self._sources if len(self._sources) > 1 else ():
            trained = LabelledFeatures.joined([corpora[other].data for other in self._sources if other != name])
            tasks.append(StrangerTask(trained, self._weights, (tested[name],), channel.line, peer))
        if self._tests:
            trained = LabelledFeatures.joined([corpora[name].data for name in self._sources])
            further = tuple(tested[name] for name in self._tests if name in tested)
            tasks.append(StrangerTask(trained, self._weights, further, channel.line, peer))
        return tasks

    def _note(self, heard: Mapping[str | None, Corpora], channel: Channel) -> None:
        """Keeps what the result tells of the corpora and the features."""
        ours = heard[None]
        self.emotions = {name: present_classes(corpus.data) for name, corpus in ours.items()}
        self.people = {name: corpus.people for name, corpus in ours.items()}
        for peer, corpora in heard.items():
            self._features[_what(peer, channel)] = next(iter(corpora.values())).features


def _what(peer: str | None, channel: Channel) -> str:
    return f"{peer or 'ours'}{f':{LINE}' if channel.line else ''}"


def _with_vectors(corpora: Corpora, path: Path) -> dict[str, CorpusData]:
    """The corpora with a peer's vectors, which are found by `<corpus>/<clip>` or, failing that, by `<clip>`."""
    known = names_in(path)
    found = {}
    for name, corpus in corpora.items():
        clips = {key: f"{name}/{clip}" if f"{name}/{clip}" in known else clip for key, clip in corpus.clips.items()}
        data = with_vectors(corpus.data, clips, path)
        found[name] = replace(corpus, data=data, features=path.name)
    return found
