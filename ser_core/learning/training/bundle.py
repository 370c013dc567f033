"""Model bundles: verified bytes, and the model in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ser_core.data.storage import Storage
from ser_core.emotions import EMOTIONS
from ser_core.errors import BundleError, ObjectMissingError
from ser_core.learning.training.bundle_content import (
    CLASSIFIER,
    FORMAT,
    MANIFEST,
    MEASURES,
    NORMALISER,
    BundleContent,
    DescribedFeatures,
    TrainingSummary,
    describe,
)
from ser_core.learning.training.classifier import EnsembleClassifier
from ser_core.learning.training.fitted_model import FittedModel, Scores
from ser_core.learning.training.labelled_features import Floats
from ser_core.learning.training.measures_io import read_measures
from ser_core.learning.training.population import Measuring, Population
from ser_core.learning.training.registry import (
    list_bundles,
    promote,
    promote_first,
    promoted,
    resolve,
    split_version,
    write_bundle,
)
from ser_core.learning.training.skops_io import load_classifier
from ser_core.learning.training.speaker_normalisation import SpeakerNormaliser, Speakers, read_normaliser

__all__ = [
    "BundleBytes",
    "BundleContent",
    "Model",
    "TrainingSummary",
    "check_fingerprint",
    "list_bundles",
    "load_model",
    "promote",
    "promote_first",
    "promoted",
    "read_bundle",
    "resolve",
    "write_bundle",
]


@dataclass(frozen=True)
class BundleBytes:
    """A bundle's files by name, verified against the manifest. Picklable, to be sent to the workers."""

    model_version: str
    files: Mapping[str, bytes]

    @property
    def manifest(self) -> dict[str, Any]:
        """The parsed manifest."""
        return dict(json.loads(self.files[MANIFEST]))


@dataclass(frozen=True)
class Model:
    """A loaded model. `classes` are those of the label scheme, in the order of the posteriors' columns."""

    model_version: str
    label_scheme: str
    classes: tuple[str, ...]
    feature_set_id: str
    feature_names: tuple[str, ...]
    parameters: Mapping[str, Any]
    fitted: FittedModel

    @property
    def normaliser(self) -> SpeakerNormaliser:
        """Of speakers, in vectors that are measured from a population."""
        return self.fitted.normaliser

    @property
    def classifier(self) -> EnsembleClassifier:
        """Of normalised vectors."""
        return self.fitted.classifier

    @property
    def population(self) -> Population:
        """Of the training corpora, in raw vectors."""
        return self.fitted.population

    def scores(self, X: Floats, speaker: Speakers | None, population: Measuring | None) -> Scores:
        """Scores of raw vectors `X` (n, d) of the model's feature set; see `FittedModel.scores`."""
        return self.fitted.scores(X, speaker, population)

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """Posteriors (n, classes), float32, of raw vectors `X` (n, d) of the model's feature set.

        Rows with equal `speaker` (n,) are of one voice (a channel of a recording) and are normalised together. Pass all
        rows of a voice at once.
        """
        return self.fitted.posteriors(X, speaker)


def read_bundle(storage: Storage, model_version: str) -> BundleBytes:
    """Reads a bundle and checks every file against its manifest.

    Raises:
        BundleError: the bundle is missing, incomplete, altered, or of another format.
    """
    split_version(model_version)
    where = storage.uri_of(model_version)
    text = _read(storage, f"{model_version}/{MANIFEST}", where)
    listed = _manifest(text, where)["files"]
    files = {name: _read(storage, f"{model_version}/{name}", where) for name in listed}
    for name, expected in listed.items():
        actual = describe(files[name])
        if actual != expected:
            raise BundleError(
                f"{where}/{name} differs from the manifest: {actual['size_bytes']} bytes, SHA-256 "
                f"{actual['sha256']}; expected {expected}. It was altered or damaged: promote another version, or train"
            )
    return BundleBytes(model_version, {**files, MANIFEST: text})


def load_model(bundle: BundleBytes) -> Model:
    """The model in a bundle from `read_bundle`; the classifier's types are audited before it is built.

    Raises:
        BundleError: the manifest or the classifier was not written by this package.
    """
    manifest = _manifest(bundle.files[MANIFEST], bundle.model_version)
    try:
        model_version = manifest["model_version"]
        label_scheme, classes = manifest["label_scheme"]["name"], tuple(manifest["label_scheme"]["classes"])
        feature_set_id, names = manifest["feature_set"]["id"], tuple(manifest["feature_set"]["feature_names"])
        parameters = dict(manifest["feature_set"]["parameters"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"The manifest of {bundle.model_version} lacks {error}; train the model again") from error
    if model_version != bundle.model_version:
        raise BundleError(
            f"The bundle {bundle.model_version} holds the model {model_version}; expected the same. Was the folder "
            "renamed? Rename it back"
        )
    if not set(classes) <= set(EMOTIONS) or len(set(classes)) != len(classes):
        raise BundleError(f"The model's classes {classes} are not distinct names of {', '.join(EMOTIONS)}")
    classifier = load_classifier(bundle.files[CLASSIFIER], classes, len(names))
    normaliser = read_normaliser(bundle.files[NORMALISER], len(classes), len(names))
    measures = read_measures(bundle.files[MEASURES], len(classes), len(names))
    fitted = FittedModel(
        measures.population, normaliser, measures.heads, classifier, measures.familiarity, measures.abroad
    )
    return Model(model_version, label_scheme, classes, feature_set_id, names, parameters, fitted)


def check_fingerprint(model: Model, features: DescribedFeatures) -> None:
    """Refuses a model that was trained on other features than `features`.

    Raises:
        BundleError: they differ; the message has both, with the parameters that differ.
    """
    if model.feature_set_id == features.id:
        return
    trained, configured = _flat(model.parameters), _flat(features.parameters)
    differing = [
        f"  {name}: model {trained.get(name, 'not set')}, settings {configured.get(name, 'not set')}"
        for name in sorted(trained.keys() | configured.keys())
        if trained.get(name) != configured.get(name)
    ]
    raise BundleError(
        f"The model {model.model_version} was trained on the features {model.feature_set_id}, the settings describe "
        f"{features.id}. Set features and segments as they were, or train a model on the new ones. They differ in\n"
        + ("\n".join(differing) or "  the name only")
    )


def _flat(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Leaves by dotted name, as JSON."""
    leaves: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = json.dumps(value)
    return leaves


def _read(storage: Storage, key: str, where: str) -> bytes:
    try:
        return storage.read(key)
    except ObjectMissingError as error:
        raise BundleError(
            f"The model bundle {where} has no {key.rpartition('/')[2]}: it is missing or unfinished; promote another "
            "version with `ser model promote`, or train one with `ser train`"
        ) from error


def _manifest(text: bytes, where: str) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        bundle_format, files = manifest["format"], manifest["files"]
        plain = all("/" not in name and name not in {"", ".", ".."} for name in files)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"The manifest of {where} cannot be read ({error}); train the model again") from error
    if bundle_format != FORMAT:
        raise BundleError(
            f"{where} has the format {bundle_format}, this version reads {FORMAT}; train the model again, or use the "
            "version that wrote it"
        )
    if not plain or not isinstance(files, dict) or not {CLASSIFIER, NORMALISER, MEASURES} <= set(files):
        raise BundleError(
            f"The manifest of {where} lists {list(files)}; expected plain names, {CLASSIFIER}, {NORMALISER} and "
            f"{MEASURES} among them: train the model again"
        )
    return dict(manifest)
