"""Labelled corpora → an evaluation and a model bundle. The classifier is trained on the driver."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from ser_core.config import Settings
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.emotions import LabelScheme, scheme_of
from ser_core.learning.training.bundle import BundleContent, TrainingSummary, promote_first, write_bundle
from ser_core.learning.training.cross_validation import Evaluation, evaluate
from ser_core.learning.training.evaluation_text import render
from ser_core.learning.training.model_fit import fit_model
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.training_corpora import TrainingCorpora, TrainingData, summary_of, terms_of
from ser_core.pipeline.state.runs import Run
from ser_core.report.evaluation_figures import confusion_matrix, reliability_diagram
from ser_core.sound.augmentation import describe, training_conditions

_log = logging.getLogger(__name__)
_A_DAY = dt.timedelta(days=1)  # longer than it takes to write a bundle: older unfinished files are of killed runs


class Train:
    """Trains a model on labelled corpora, evaluates it by both protocols, and writes a model bundle.

    Each corpus is ingested and extracted first, as recorded and as altered copies, under `corpus.tables_uri`. What has
    been extracted is not extracted again.
    """

    name: ClassVar[str] = "train"
    leases: ClassVar[tuple[str, ...]] = ()  # ingest and extract take theirs below the corpus's root
    required: ClassVar[tuple[str, ...]] = ("corpus.uri|corpora",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = open_storage(settings.models.uri, settings.storage)
        check_place("models.uri", self.models, may_be_new=True)
        self.conditions = training_conditions(settings.augmentation)
        self.corpora = TrainingCorpora(settings, self.conditions)
        self.fit = partial(fit_model, corpus_weights=self.corpora.weights)
        self.features = self.corpora.corpora[0].extract.features

    def run(self, cluster: Cluster, run: Run) -> None:
        """Trains, evaluates and writes the bundle. Promotes the first model of a name."""
        training, features = self.settings.training, self.features
        read = self.corpora.read(cluster, run, training)
        scheme = scheme_of(training.label_scheme, set(read.data.emotion.tolist()))
        data = read.data.in_scheme(scheme).canonical()
        counts = (len(data), len(np.unique(data.condition)), len(np.unique(data.speaker)))
        _log.info("training on %d segments under %d conditions, of %d speakers", *counts)
        place = {name: column for column, name in enumerate(features.feature_names)}
        families = {family: [place[name] for name in names] for family, names in features.families.items()}
        folds = self.corpora.folds(data, training)
        evaluation = evaluate(data, scheme.classes, training, folds, self.fit, families=families)
        content = self._content(replace(read, data=data), scheme, evaluation)
        model_version = write_bundle(self.models, self.settings.models.name, content)
        promoted = promote_first(self.models, model_version)
        self.models.sweep(dt.datetime.now(dt.UTC) - _A_DAY)
        run.facts |= {"model_version": model_version, "feature_set": features.id}
        run.summary |= {
            "corpora": terms_of(content.training.corpora),
            "promoted": promoted,
            "evaluation": evaluation.to_json(),
            "report": render(evaluation),
        }
        _log.info(
            "wrote %s, %s",
            model_version,
            "promoted" if promoted else f"not promoted: ser model promote {model_version}",
        )

    def _content(self, read: TrainingData, scheme: LabelScheme, evaluation: Evaluation) -> BundleContent:
        training, data = self.settings.training, read.data
        recorded = data.of_condition(AS_RECORDED)
        altered = data.condition[data.condition != AS_RECORDED]
        summary = TrainingSummary(
            **summary_of(self.corpora.described(data)),
            languages=tuple(sorted(read.languages)),
            rows=len(recorded),
            recordings=len(set(recorded.recording_id.tolist())),
            speakers=len(set(recorded.speaker.tolist())),
            duration_s=float(recorded.duration_s.sum()),
            rows_by_class=dict(Counter(recorded.emotion.tolist())),
            sampled=read.sampled,
            seed=training.seed,
            parameters=training.model_dump(mode="json"),
            altered_rows=dict(Counter(altered.tolist())),
            augmentation=describe(self.conditions),
        )
        return BundleContent(
            model=self.fit(data, scheme.classes, training),
            label_scheme=scheme.name,
            features=self.features,
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
