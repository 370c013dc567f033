"""A classifier as bytes in the skops format, and back after an audit. Never pickle."""

from __future__ import annotations

import io
import json
import logging
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import skops.io
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ser_core.errors import BundleError
from ser_core.training.classifier import MlpClassifier

TRUSTED_TYPES: tuple[str, ...] = (
    "builtins.dict",
    "builtins.list",
    "builtins.str",
    "builtins.tuple",
    "numpy.dtype",
    "numpy.float32",
    "numpy.float64",
    "numpy.int64",
    "numpy.ndarray",
    "numpy.random.mtrand.RandomState",
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._label.LabelBinarizer",
)
"""All that a classifier file may be made of. Whatever else it names is refused before anything is built."""

_TRUSTED_LOADERS = frozenset(
    {"DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "RandomStateNode", "TupleNode", "TypeNode"}
)
_PARTS = (StandardScaler, MLPClassifier)
_MAX_BYTES = 2**30

_log = logging.getLogger(__name__)


def dump_classifier(classifier: MlpClassifier) -> bytes:
    """The fitted pipeline in skops format."""
    return bytes(skops.io.dumps(classifier.pipeline))


def load_classifier(data: bytes, classes: tuple[str, ...], dimension: int) -> MlpClassifier:
    """The classifier in `data`, whose posteriors are of `classes` and whose vectors have `dimension` values.

    Raises:
        BundleError: not skops, types beyond `TRUSTED_TYPES`, or a classifier of other classes or vectors.
    """
    _audit(data)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InconsistentVersionWarning)
            pipeline = skops.io.loads(data, trusted=[])  # and skops's own audit
    except Exception as error:  # skops raises whatever a damaged file leads it to
        raise BundleError(f"The classifier cannot be read ({type(error).__name__}: {error}); train it again") from error
    for warning in caught:
        _log.warning("loading the classifier: %s", warning.message)
    _check_parts(pipeline, classes, dimension)
    return MlpClassifier(pipeline, classes)


def _check_parts(pipeline: Any, classes: tuple[str, ...], dimension: int) -> None:
    parts = tuple(type(part) for _, part in pipeline.steps) if isinstance(pipeline, Pipeline) else (type(pipeline),)
    if parts != _PARTS:
        found, expected = (", ".join(kind.__name__ for kind in kinds) for kinds in (parts, _PARTS))
        raise BundleError(f"The classifier is made of {found}; expected a pipeline of {expected}. Train it again")
    scaler, network = (part for _, part in pipeline.steps)
    places = [int(place) for place in getattr(network, "classes_", ())]
    if not places or places != sorted(set(places)) or places[0] < 0 or places[-1] >= len(classes):
        raise BundleError(
            f"The classifier decides between the classes {places}, the label scheme has {len(classes)}; train it again"
        )
    if getattr(scaler, "n_features_in_", None) != dimension or network.n_features_in_ != dimension:
        raise BundleError(
            f"The classifier takes vectors of {network.n_features_in_} values, its manifest names {dimension} features;"
            " train it again"
        )


def _audit(data: bytes) -> None:
    """Every type, loader and stated size, before skops builds anything."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > _MAX_BYTES:
                raise BundleError(f"The classifier unpacks to {size} bytes; expected {_MAX_BYTES} at the most")
            schema = json.loads(archive.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError) as error:
        raise BundleError(f"The classifier is no skops file ({error}); train it again") from error
    nodes = set(_nodes(schema))
    refused = sorted({name for name, _ in nodes} - set(TRUSTED_TYPES))
    refused += sorted({loader for _, loader in nodes} - _TRUSTED_LOADERS)
    if refused:
        raise BundleError(
            f"The classifier holds {', '.join(refused)}, which no classifier of ours does: it is not "
            "loaded. Find out where it came from, and train it again"
        )


def _nodes(schema: Any) -> Iterator[tuple[str, str]]:
    """`module.class` and loader of each node; a `TypeNode` is named by the type it stands for as well."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__class__" in node or "__loader__" in node:
                yield f"{node.get('__module__')}.{node.get('__class__')}", str(node.get("__loader__"))
            content = node.get("content")
            if node.get("__loader__") == "TypeNode" and isinstance(content, dict):
                yield f"{content.get('__module__')}.{content.get('__class__')}", "TypeNode"
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
