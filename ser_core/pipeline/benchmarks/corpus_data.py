"""A labelled corpus under the conditions of a benchmark, as arrays on the driver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.errors import SettingsError
from ser_core.learning.corpora import LabelledStretch
from ser_core.learning.evaluation.corpus_conditions import CorpusCondition
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.labelled_corpus import LabelledCorpus, corpus_settings, open_labelled_corpus
from ser_core.sound.augmentation import RECORDED, Condition

_ALL_ROWS = 10**9
_OWN = "corpus"  # the annotator of a corpus's own labels


@dataclass(frozen=True)
class CorpusData:
    """Labelled features of a corpus, names of its recordings by recording_id, and the test speakers of its published
    folds. `heard` tells who labelled what: emotions by annotator of each stretch, by its name, the corpus's own label
    left out. `features` is the id of the feature set, empty of vectors from elsewhere."""

    corpus: str
    data: LabelledFeatures
    clips: Mapping[str, str]
    folds: tuple[tuple[str, ...], ...] | None
    heard: Mapping[str, Mapping[str, str]]
    features: str = ""


class CorpusSource:
    """Ingests and extracts a corpus under any condition; what is done is not done again.

    Raises:
        SettingsError, CorpusError: the corpus cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.corpus = open_labelled_corpus(settings)
        self._inner = corpus_settings(settings, self.corpus)
        try:
            self._ingest: Ingest | None = Ingest(self._inner)
        except SettingsError as error:  # the corpus is ingested as an archive; what its user set is the corpus
            raise SettingsError([fault.replace("archive.uri", "corpus.uri") for fault in error.faults]) from None

    def read(self, session: SparkSession, conditions: Sequence[Condition], changes: Mapping[str, Any]) -> CorpusData:
        """The corpus under `conditions`, and nothing else; `changes` are of the sections `features` and `segments`.

        Raises:
            SerError: the corpus cannot be used.
        """
        sections = {name: getattr(self._inner, name).model_copy(update=own) for name, own in changes.items()}
        inner = self._inner.model_copy(update=sections)
        altered = [one for one in conditions if one != RECORDED]
        extract = Extract(inner, conditions=altered)
        if self._ingest is not None:
            execute(self._ingest, self._inner, session)
            self._ingest = None
        execute(extract, inner, session)
        labelled = LabelledCorpus(session, inner, self.corpus.reader, self.corpus.root)
        training = inner.training.model_copy(update={"max_rows": _ALL_ROWS})
        data, _ = labelled.sample(session, extract.features.id, training, altered)
        data = data.of_condition(*(one.name for one in conditions)).canonical()
        clips = {recording: stretches[0].key for recording, stretches in labelled.labels.items()}
        heard = said_by_annotators(one for stretches in labelled.labels.values() for one in stretches)
        return CorpusData(self.corpus.reader.name, data, clips, self.corpus.reader.folds, heard, extract.features.id)

    def condition(self, session: SparkSession, condition: CorpusCondition) -> CorpusData:
        """The corpus as a condition of the benchmark is trained on."""
        rate = {} if condition.sample_rate_hz is None else {"sample_rate_hz": condition.sample_rate_hz}
        return self.read(session, condition.heard, {"features": rate})


def said_by_annotators(stretches: Iterable[LabelledStretch]) -> dict[str, dict[str, str]]:
    """Emotions by annotator of each stretch, by its name: the recording's key, with the place where it is a part."""
    heard: dict[str, dict[str, str]] = defaultdict(dict)
    for one in stretches:
        whole = one.channel is None and one.start_s == 0 and one.end_s is None
        place = "" if whole else f"#{'' if one.channel is None else one.channel}:{one.start_s}-{one.end_s or ''}"
        if one.annotator != _OWN:
            heard[f"{one.key}{place}"][one.annotator] = one.emotion
    return dict(heard)
