"""A labelled corpus → an evaluation and a model bundle. The classifier is trained on the driver."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from ser_core.config import Settings
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.emotions import LabelScheme, scheme_of
from ser_core.learning.training.bundle import BundleContent, TrainingSummary, promote_first, write_bundle
from ser_core.learning.training.cross_validation import Evaluation, evaluate
from ser_core.learning.training.evaluation_text import render
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.labelled_corpus import (
    LabelledCorpus,
    corpus_ingest,
    corpus_settings,
    open_labelled_corpus,
)
from ser_core.pipeline.state.runs import Run
from ser_core.report.evaluation_figures import confusion_matrix, reliability_diagram
from ser_core.sound.augmentation import describe, training_conditions

_log = logging.getLogger(__name__)
_A_DAY = dt.timedelta(days=1)  # longer than it takes to write a bundle: older unfinished files are of killed runs


class Train:
    """Trains a model on a labelled corpus, evaluates it by both protocols, and writes a model bundle.

    The corpus is ingested and extracted first, as recorded and as altered copies, under `corpus.tables_uri`. What has
    been extracted is not extracted again.
    """

    name: ClassVar[str] = "train"
    leases: ClassVar[tuple[str, ...]] = ()  # ingest and extract take theirs below the corpus's root
    required: ClassVar[tuple[str, ...]] = ("corpus.uri",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = open_storage(settings.models.uri, settings.storage)
        check_place("models.uri", self.models, may_be_new=True)
        tables = open_storage(settings.corpus.tables_uri, settings.storage)
        check_place("corpus.tables_uri", tables, may_be_new=True)
        self.corpus = open_labelled_corpus(settings)
        self.inner = corpus_settings(settings, self.corpus)
        self.ingest = corpus_ingest(self.inner)
        self.conditions = training_conditions(settings.augmentation)
        self.extract = Extract(self.inner, conditions=self.conditions)

    def run(self, cluster: Cluster, run: Run) -> None:
        """Trains, evaluates and writes the bundle. Promotes the first model of a name."""
        execute(self.ingest, self.inner, cluster, within=run)
        execute(self.extract, self.inner, cluster, within=run)
        labelled = LabelledCorpus(self.inner, self.corpus.reader, self.corpus.root)
        training, features = self.settings.training, self.extract.features
        data, sampled = labelled.sample(features.id, training, self.conditions)
        scheme = scheme_of(training.label_scheme, set(data.emotion.tolist()))
        data = data.in_scheme(scheme).canonical()
        counts = (len(data), len(np.unique(data.condition)), len(np.unique(data.speaker)))
        _log.info("training on %d segments under %d conditions, of %d speakers", *counts)
        place = {name: column for column, name in enumerate(features.feature_names)}
        families = {family: [place[name] for name in names] for family, names in features.families.items()}
        evaluation = evaluate(data, scheme.classes, training, self.corpus.reader.folds, families=families)
        content = self._content(data, scheme, evaluation, labelled.languages, sampled)
        model_version = write_bundle(self.models, self.settings.models.name, content)
        promoted = promote_first(self.models, model_version)
        self.models.sweep(dt.datetime.now(dt.UTC) - _A_DAY)
        run.facts |= {"model_version": model_version, "feature_set": features.id}
        run.summary |= {"promoted": promoted, "evaluation": evaluation.to_json(), "report": render(evaluation)}
        _log.info(
            "wrote %s, %s",
            model_version,
            "promoted" if promoted else f"not promoted: ser model promote {model_version}",
        )

    def _content(
        self,
        data: LabelledFeatures,
        scheme: LabelScheme,
        evaluation: Evaluation,
        languages: Iterable[str],
        sampled: bool,
    ) -> BundleContent:
        training = self.settings.training
        recorded = data.of_condition(AS_RECORDED)
        altered = data.condition[data.condition != AS_RECORDED]
        summary = TrainingSummary(
            corpus=self.corpus.reader.name,
            licence=self.corpus.reader.licence,
            languages=tuple(sorted(languages)),
            rows=len(recorded),
            recordings=len(set(recorded.recording_id.tolist())),
            speakers=len(set(recorded.speaker.tolist())),
            duration_s=float(recorded.duration_s.sum()),
            rows_by_class=dict(Counter(recorded.emotion.tolist())),
            sampled=sampled,
            seed=training.seed,
            parameters=training.model_dump(mode="json"),
            altered_rows=dict(Counter(altered.tolist())),
            augmentation=describe(self.conditions),
        )
        return BundleContent(
            model=fit_model(data, scheme.classes, training),
            label_scheme=scheme.name,
            features=self.extract.features,
            training=summary,
            evaluation=evaluation,
            extra=_pictures(evaluation),
        )


def _pictures(evaluation: Evaluation) -> dict[str, bytes]:
    """Confusion matrix and reliability diagram of both protocols, as PNG by file name."""
    pictures = {}
    for name, result in (("speaker", evaluation.speaker_independent), ("random", evaluation.random_split)):
        metrics = result.metrics
        matrix = np.array(metrics.confusion, dtype=np.int64)
        pictures[f"confusion_{name}.png"] = confusion_matrix(matrix, evaluation.classes, result.name)
        confidence, accuracy, counts = (
            np.array([getattr(bin_, field) for bin_ in metrics.reliability]) for field in _RELIABILITY
        )
        pictures[f"reliability_{name}.png"] = reliability_diagram(confidence, accuracy, counts, title=result.name)
    return pictures


_RELIABILITY = ("confidence", "accuracy", "decisions")
