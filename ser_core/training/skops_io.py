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

from ser_core.errors import BundleError
from ser_core.training.classifier import EnsembleClassifier
from ser_core.training.parts import from_parts, to_parts

TRUSTED_TYPES: tuple[str, ...] = (
    "builtins.dict",
    "builtins.float",
    "builtins.list",
    "builtins.str",
    "builtins.tuple",
    "numpy.dtype",
    "numpy.float32",
    "numpy.float64",
    "numpy.int64",
    "numpy.ndarray",
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
    "sklearn.preprocessing._label.LabelBinarizer",
)
"""All that a classifier file may be made of. Whatever else it names is refused before anything is built."""

_TRUSTED_LOADERS = frozenset({"DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "TupleNode", "TypeNode"})
_MAX_BYTES = 2**30

_log = logging.getLogger(__name__)


def dump_classifier(classifier: EnsembleClassifier) -> bytes:
    """The fitted perceptrons, and the arrays beside them, in skops format."""
    return bytes(skops.io.dumps(to_parts(classifier)))


def load_classifier(data: bytes, classes: tuple[str, ...], dimension: int) -> EnsembleClassifier:
    """The classifier in `data`, whose posteriors are of `classes` and whose vectors have `dimension` values.

    Raises:
        BundleError: not skops, types beyond `TRUSTED_TYPES`, or a classifier of other classes or vectors.
    """
    _audit(data)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InconsistentVersionWarning)
            parts = skops.io.loads(data, trusted=[])  # and skops's own audit
    except Exception as error:  # skops raises whatever a damaged file leads it to
        raise BundleError(f"The classifier cannot be read ({type(error).__name__}: {error}); train it again") from error
    for message in sorted({str(warning.message) for warning in caught}):  # every perceptron says the same
        _log.warning("loading the classifier: %s", message)
    return from_parts(parts, classes, dimension)


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
