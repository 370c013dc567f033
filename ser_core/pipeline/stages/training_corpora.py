"""The corpora that a model is trained on: each ingested and extracted for itself, and all of them as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_core.config import Settings
from ser_core.config.corpus_list import each_corpus
from ser_core.config.settings import TrainingSettings
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.errors import SettingsError
from ser_core.learning.corpora import Corpus
from ser_core.learning.training.joined_corpora import join_corpora, joined_folds
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.labelled_corpus import (
    LabelledCorpus,
    corpus_ingest,
    corpus_settings,
    open_labelled_corpus,
)
from ser_core.pipeline.state.runs import Run
from ser_core.sound.augmentation import Condition


@dataclass(frozen=True)
class TrainingCorpus:
    """A corpus, its weight beside others, and the jobs that bring its tables up to date."""

    corpus: Corpus
    weight: float
    inner: Settings
    ingest: Ingest
    extract: Extract


@dataclass(frozen=True)
class TrainingData:
    """The labelled features of all corpora, the languages of their labels, and whether recordings were left out."""

    data: LabelledFeatures
    languages: frozenset[str]
    sampled: bool


class TrainingCorpora:
    """Every corpus of the settings.

    Raises:
        SettingsError, CorpusError: a corpus cannot be used, or must not be used by `training.licence`.
    """

    def __init__(self, settings: Settings, conditions: Sequence[Condition]) -> None:
        self.conditions = conditions
        self.corpora: list[TrainingCorpus] = []
        every = [(own, open_labelled_corpus(own), weight) for own, weight in each_corpus(settings)]
        check_licences([corpus for _, corpus, _ in every], settings.training.licence)
        for own, corpus, weight in every:
            tables = open_storage(own.corpus.tables_uri, own.storage)
            check_place("corpus.tables_uri", tables, may_be_new=True)
            inner = corpus_settings(own, corpus)
            extract = Extract(inner, conditions=conditions)
            self.corpora.append(TrainingCorpus(corpus, weight, inner, corpus_ingest(inner), extract))

    def read(self, cluster: Cluster, run: Run, training: TrainingSettings) -> TrainingData:
        """Ingests and extracts what is new, and reads the labelled features, at most `training.max_rows`."""
        read = []
        for one in self.corpora:
            execute(one.ingest, one.inner, cluster, within=run)
            execute(one.extract, one.inner, cluster, within=run)
            read.append(LabelledCorpus(one.inner, one.corpus.reader, one.corpus.root))
        features = self.corpora[0].extract.features.id
        counts = [labelled.row_count(features, self.conditions) for labelled in read]
        samples = [
            labelled.sample(features, training.model_copy(update={"max_rows": share}), self.conditions)
            for labelled, share in zip(read, even_shares(counts, training.max_rows), strict=True)
        ]
        return TrainingData(
            self._joined([data for data, _ in samples]),
            frozenset().union(*(labelled.languages for labelled in read)),
            any(sampled for _, sampled in samples),
        )

    def _joined(self, parts: Sequence[LabelledFeatures]) -> LabelledFeatures:
        if len(self.corpora) == 1:
            return parts[0]
        return join_corpora({one.corpus.name: part for one, part in zip(self.corpora, parts, strict=True)})

    @property
    def weights(self) -> dict[str, float]:
        """How much each corpus counts beside the others, by name."""
        return {one.corpus.name: one.weight for one in self.corpora}

    def folds(self, data: LabelledFeatures, training: TrainingSettings) -> Sequence[Sequence[str]] | None:
        """Test speakers of speaker-independent folds over `data`; None where they are to be drawn over all speakers."""
        if len(self.corpora) == 1:
            return self.corpora[0].corpus.reader.folds
        published = {one.corpus.name: one.corpus.reader.folds for one in self.corpora}
        return joined_folds(data, published, training.group_folds, training.seed)

    def described(self, data: LabelledFeatures) -> list[dict[str, Any]]:
        """Name, terms, weight and size of each corpus in `data`, as plain values."""
        recorded = data.of_condition(AS_RECORDED)
        found = []
        for one in self.corpora:
            own = recorded.corpus == one.corpus.name if len(self.corpora) > 1 else np.full(len(recorded), True)
            found.append(
                {
                    "name": one.corpus.name,
                    "labels": one.corpus.reader.name,
                    "licence": one.corpus.reader.licence,
                    "commercial_use": one.corpus.commercial_use,
                    "weight": one.weight,
                    "rows": int(own.sum()),
                    "speakers": len(np.unique(recorded.speaker[own])),
                }
            )
        return found


def check_licences(corpora: Sequence[Corpus], licence: str) -> None:
    """Raises SettingsError where `licence` is `commercial` and a corpus does not allow that; it names each."""
    refused = [corpus for corpus in corpora if licence == "commercial" and not corpus.commercial_use]
    if refused:
        raise SettingsError(
            [
                f"training.licence is commercial, and the corpus {corpus.name} must not be used so: "
                f"{corpus.reader.licence}"
                for corpus in refused
            ]
        )


def even_shares(counts: Sequence[int], total: int) -> list[int]:
    """How many rows of each corpus, of `counts` rows, fit into `total`: the same of each, as far as they have them."""
    shares = [0] * len(counts)
    left = total
    for place, index in enumerate(sorted(range(len(counts)), key=lambda number: counts[number])):
        shares[index] = min(counts[index], left // (len(counts) - place))
        left -= shares[index]
    return [max(share, 1) for share in shares]


def terms_of(described: Sequence[Mapping[str, Any]]) -> str:
    """The corpora and whether they may be used commercially, for `runs.detail`."""
    words = {True: "commercial use", False: "no commercial use"}
    return ", ".join(f"{one['name']} ({words[one['commercial_use']]})" for one in described)


def summary_of(described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a model's summary says of its corpora: their names and terms in a line each, and the most that all allow."""
    return {
        "corpus": ", ".join(one["name"] for one in described),
        "licence": " ".join(dict.fromkeys(one["licence"] for one in described)),
        "commercial_use": all(one["commercial_use"] for one in described),
        "corpora": list(described),
    }
