"""The content of a model bundle, and its files."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

from ser_core.learning.training.card import render_card
from ser_core.learning.training.classifier import EnsembleClassifier
from ser_core.learning.training.cross_validation import Evaluation
from ser_core.learning.training.fitted_model import FittedModel
from ser_core.learning.training.measures_io import dump_measures
from ser_core.learning.training.skops_io import dump_classifier

FORMAT = 3
"""Version of the bundle's layout; a reader refuses any other."""
CLASSIFIER = "classifier.skops"
NORMALISER = "normaliser.json"
MEASURES = "measures.npz"
MANIFEST = "manifest.json"
CARD = "card.md"
_LIBRARIES = ("ser-core", "librosa", "numpy", "scikit-learn", "scipy", "skops", "soxr")


class DescribedFeatures(Protocol):
    """What a bundle needs of a feature set; `ser_core.sound.features.FeatureSet` has it."""

    parameters: dict[str, Any]
    fingerprint: str

    @property
    def id(self) -> str:
        """`<name>:<fingerprint>`."""

    @property
    def name(self) -> str:
        """Such as `paper-180@8k`."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """In the order of a vector's values."""


@dataclass(frozen=True)
class TrainingSummary:
    """The training data and settings of a model.

    `rows` counts segments as recorded; `sampled` is whether recordings were left out to fit `max_rows`; `licence` is a
    sentence on the corpus's terms; `parameters` are the classifier's settings. `altered_rows` counts the segments of
    each altered condition, which `augmentation` describes. `commercial_use` is whether the terms of all corpora allow
    it, and `corpora` has the name, terms and size of each.
    """

    corpus: str
    licence: str
    languages: tuple[str, ...]
    rows: int
    recordings: int
    speakers: int
    duration_s: float
    rows_by_class: Mapping[str, int]
    sampled: bool
    seed: int
    parameters: Mapping[str, Any]
    altered_rows: Mapping[str, int] = field(default_factory=dict)
    augmentation: Sequence[Mapping[str, Any]] = ()
    commercial_use: bool = False
    corpora: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class BundleContent:
    """A trained model and everything that its bundle holds. `extra` are further files by name, such as pictures."""

    model: FittedModel
    label_scheme: str
    features: DescribedFeatures
    training: TrainingSummary
    evaluation: Evaluation
    extra: Mapping[str, bytes] = field(default_factory=dict)


def bundle_files(content: BundleContent, model_version: str, created_at: dt.datetime) -> dict[str, bytes]:
    """The bundle's files by name; the manifest is last and holds size and SHA-256 of the others."""
    files = {
        CLASSIFIER: dump_classifier(content.model.classifier),
        NORMALISER: content.model.normaliser.to_json(),
        MEASURES: dump_measures(content.model),
        CARD: render_card(
            model_version,
            content.label_scheme,
            content.features.id,
            {**asdict(content.training), **_of_classifier(content.model.classifier)},
            content.evaluation,
            created_at,
            tuple(content.extra),
        ).encode(),
        **content.extra,
    }
    manifest = {
        "format": FORMAT,
        "model_version": model_version,
        "created_at": created_at.isoformat(),
        "label_scheme": {"name": content.label_scheme, "classes": list(content.model.classes)},
        "feature_set": {
            "id": content.features.id,
            "name": content.features.name,
            "fingerprint": content.features.fingerprint,
            "parameters": content.features.parameters,
            "feature_names": list(content.features.feature_names),
        },
        "training": {**asdict(content.training), **_of_classifier(content.model.classifier)},
        "metrics": content.evaluation.to_json(),
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "files": {name: describe(data) for name, data in files.items()},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return {**files, MANIFEST: text.encode()}


def _of_classifier(classifier: EnsembleClassifier) -> dict[str, Any]:
    return {
        "converged": classifier.converged,
        "perceptrons": len(classifier.members),
        "calibration_groups": len(classifier.ensembles) - 1,
        "temperature": classifier.temperature,
    }


def describe(data: bytes) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    return {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
