"""A search over hyperparameters for each outer fold of a corpus, without recordings of its test speakers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.emotions import scheme_of
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.evaluation.corpus_conditions import CorpusCondition, recipe
from ser_core.learning.training.hyperparameter_search import InnerFolds, SearchResult, search
from ser_core.learning.training.labelled_features import LabelledFeatures, Texts
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.splits import Split, speaker_folds
from ser_core.pipeline.benchmarks.corpus_data import CorpusData, CorpusSource, check_folds
from ser_core.sound.features import feature_set

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """The size of a search: trials per outer fold, perceptrons per trial, and the seed of the proposals."""

    trials: int
    members: int
    seed: int


@dataclass(frozen=True)
class FoldSearch:
    """The result of an outer fold of a corpus under a condition; `speakers` are those it was searched on."""

    corpus: str
    condition: str
    fold: int
    feature_set: str
    speakers: tuple[str, ...]
    test_speakers: tuple[str, ...]
    result: SearchResult


def search_corpus(
    session: SparkSession,
    settings: Settings,
    conditions: Sequence[CorpusCondition],
    folds: Sequence[int] | None,
    plan: Plan,
) -> Iterator[FoldSearch]:
    """Searches around the benchmark's recipe; `folds` by number, None for all. Yields each as soon as it is done.

    Raises:
        SettingsError: a condition is not tested by speaker, or there is no such fold.
        SerError: the corpus cannot be used.
    """
    leaky = [condition.name for condition in conditions if not condition.by_speaker]
    if leaky:
        raise SettingsError([f"{', '.join(leaky)} tests speakers of the training data; there is nothing to search"])
    source = CorpusSource(settings)
    for condition in conditions:
        corpus = source.condition(session, condition)
        rate = condition.sample_rate_hz or settings.features.sample_rate_hz
        features = settings.features.model_copy(update={"sample_rate_hz": rate})
        name = feature_set(features, settings.segments).id
        for number, split in _outer(corpus, settings, folds).items():
            _log.info("%s, fold %d: searching", condition.name, number)
            yield _fold(corpus, condition, number, split, settings, plan, name)


def _outer(corpus: CorpusData, settings: Settings, folds: Sequence[int] | None) -> dict[int, Split]:
    every = _folds(corpus.data.speaker, corpus, settings)
    check_folds(folds or (), len(every))
    return {number: split for number, split in enumerate(every) if folds is None or number in folds}


def _folds(speaker: Texts, corpus: CorpusData, settings: Settings) -> tuple[Split, ...]:
    training = settings.training
    published = corpus.folds if training.folds == "corpus" else None
    return speaker_folds(speaker, published, training.group_folds, training.seed)


def _fold(
    corpus: CorpusData,
    condition: CorpusCondition,
    number: int,
    split: Split,
    settings: Settings,
    plan: Plan,
    feature_set_id: str,
) -> FoldSearch:
    tested = _names(corpus.data.speaker[split.test])
    inner = inner_folds(corpus, condition, split, settings)
    result = search(inner, recipe(settings.training, condition.normalised), plan.trials, plan.members, plan.seed)
    speakers = _names(inner.data.speaker)
    return FoldSearch(corpus.corpus, condition.name, number, feature_set_id, speakers, tested, result)


def inner_folds(corpus: CorpusData, condition: CorpusCondition, split: Split, settings: Settings) -> InnerFolds:
    """The training part of an outer fold, split again: by the other published folds, else by speaker.

    Raises:
        TrainingError: it has a test speaker of the outer fold.
    """
    train = corpus.data.take(split.train)
    both = set(train.speaker.tolist()) & set(corpus.data.speaker[split.test].tolist())
    if both:
        raise TrainingError(
            f"The speakers {', '.join(sorted(both))} are both trained on and tested; expected other speakers"
        )
    scheme = scheme_of(condition.scheme or settings.training.label_scheme, set(train.emotion.tolist()))
    data = train.in_scheme(scheme)
    # The outer fold has no speakers left, so that it is none of the inner folds.
    splits = _folds(data.speaker, corpus, settings)
    voice = _by_speaker if condition.normalised else _by_recording
    return InnerFolds(data, tuple(scheme.classes), condition.tested.name, voice, splits, fit_model)


def _by_speaker(data: LabelledFeatures) -> Texts:
    return data.speaker


def _by_recording(data: LabelledFeatures) -> Texts:
    return data.recording_id


def _names(speaker: Texts) -> tuple[str, ...]:
    return tuple(np.unique(speaker).tolist())
