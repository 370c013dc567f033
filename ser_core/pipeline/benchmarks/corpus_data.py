"""A labelled corpus under the conditions of a benchmark, as arrays on the driver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from ser_core.pipeline.stages.labelled_corpus import (
    LabelledCorpus,
    corpus_ingest,
    corpus_settings,
    open_labelled_corpus,
)
from ser_core.sound.augmentation import RECORDED, Condition

_ALL_ROWS = 10**9
_OWN = "corpus"  # the annotator of the corpus's own labels
_TUTORIAL_FEATURES: Mapping[str, Any] = {
    "set": "paper-180",
    "n_fft": 2048,
    "hop_length": 512,
    "mel_scale": "slaney",
    "mfcc": True,
    "chroma": True,
    "mel": True,
}


@dataclass(frozen=True)
class CorpusData:
    """A corpus as arrays.

    Attributes:
        corpus: its name.
        data: labelled features.
        clips: names of its recordings by recording_id.
        folds: test speakers of its published folds; None where it publishes none.
        annotations: as `annotations_of`.
        features: id of the feature set, or the name of the file that the vectors are from.
        people: what is known of a clip's speaker, such as `sex` and `language`, by the clip's name.
    """

    corpus: str
    data: LabelledFeatures
    clips: Mapping[str, str]
    folds: tuple[tuple[str, ...], ...] | None
    annotations: Mapping[str, Mapping[str, str]]
    features: str = ""
    people: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class CorpusSource:
    """Ingests and extracts a corpus under any condition. What has been extracted is not extracted again.

    Raises:
        SettingsError, CorpusError: the corpus cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.corpus = open_labelled_corpus(settings)
        self._inner = corpus_settings(settings, self.corpus)
        self._ingest: Ingest | None = corpus_ingest(self._inner)

    def read(self, session: SparkSession, conditions: Sequence[Condition], changes: Mapping[str, Any]) -> CorpusData:
        """The corpus under `conditions` only; `changes` are values by name for the sections `features` and `segments`.

        Raises:
            SerError: the corpus cannot be used.
        """
        sections = {name: getattr(self._inner, name).model_copy(update=own) for name, own in changes.items()}
        inner = self._inner.model_copy(update=sections)
        altered = [condition for condition in conditions if condition != RECORDED]
        extract = Extract(inner, conditions=altered)
        if self._ingest is not None:
            execute(self._ingest, self._inner, session)
            self._ingest = None
        execute(extract, inner, session)
        labelled = LabelledCorpus(inner, self.corpus.reader, self.corpus.root)
        training = inner.training.model_copy(update={"max_rows": _ALL_ROWS})
        data, _ = labelled.sample(extract.features.id, training, altered)
        data = data.of_condition(*(condition.name for condition in conditions)).canonical()
        clips = {recording: stretches[0].key for recording, stretches in labelled.labels.items()}
        annotations = annotations_of(stretch for stretches in labelled.labels.values() for stretch in stretches)
        people = {stretches[0].key: _person(stretches[0]) for stretches in labelled.labels.values()}
        name, folds = self.corpus.name, self.corpus.reader.folds
        return CorpusData(name, data, clips, folds, annotations, extract.features.id, people)

    def condition(self, session: SparkSession, condition: CorpusCondition) -> CorpusData:
        """The corpus under the conditions that a condition of the benchmark trains on."""
        return self.read(session, condition.trained, {"features": at_rate(condition.sample_rate_hz)})


def at_rate(sample_rate_hz: int | None) -> dict[str, Any]:
    """The change of `features` to this rate; none where it is None."""
    return {} if sample_rate_hz is None else {"sample_rate_hz": sample_rate_hz}


def tutorial_changes(sample_rate_hz: int | None) -> dict[str, dict[str, Any]]:
    """Changes to the features of the tutorials, which average over the whole clip, silence included."""
    return {"features": {**_TUTORIAL_FEATURES, **at_rate(sample_rate_hz)}, "segments": {"mode": "whole"}}


def _person(stretch: LabelledStretch) -> dict[str, str]:
    known = {"sex": stretch.extra.get("sex"), "language": stretch.language}
    return {name: value for name, value in known.items() if value}


def annotations_of(stretches: Iterable[LabelledStretch]) -> dict[str, dict[str, str]]:
    """Emotion by annotator of each stretch, by its name; the corpus's own labels are left out.

    A name is the recording's key, followed by channel and times where the stretch is a part of it.
    """
    annotations: dict[str, dict[str, str]] = defaultdict(dict)
    for stretch in stretches:
        channel, start_s, end_s = stretch.channel, stretch.start_s, stretch.end_s
        whole = channel is None and start_s == 0 and end_s is None
        place = "" if whole else f"#{'' if channel is None else channel}:{start_s}-{end_s or ''}"
        if stretch.annotator != _OWN:
            annotations[f"{stretch.key}{place}"][stretch.annotator] = stretch.emotion
    return dict(annotations)


def check_folds(folds: Sequence[int], count: int) -> None:
    """Raises SettingsError where a number of `folds` is not one of `count` folds."""
    wrong = [number for number in folds if not 0 <= number < count]
    if wrong:
        raise SettingsError([f"there is no fold {wrong}: the corpus has the folds 0 to {count - 1}"])
