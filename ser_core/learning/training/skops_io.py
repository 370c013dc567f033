"""A classifier as bytes in the skops format, and back after an audit. Never pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from ser_core.errors import BundleError
from ser_core.learning.training.classifier import EnsembleClassifier
from ser_core.learning.training.classifier_parts import from_parts, to_parts
from ser_core.learning.training.skops_read import read_parts

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
"""All types that a classifier file may contain. Any other type is refused before anything is built."""

_TRUSTED_LOADERS = frozenset({"DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "TupleNode", "TypeNode"})
_MAX_BYTES = 2**30


def dump_classifier(classifier: EnsembleClassifier) -> bytes:
    """The fitted perceptrons and their arrays in skops format."""
    import skops.io  # noqa: PLC0415 - loads scikit-learn and scipy, which reading a model does not need

    return bytes(skops.io.dumps(to_parts(classifier)))


def load_classifier(data: bytes, classes: tuple[str, ...], dimension: int) -> EnsembleClassifier:
    """The classifier in `data`, for posteriors of `classes` and vectors of `dimension` values.

    Raises:
        BundleError: not skops, types outside `TRUSTED_TYPES`, or a classifier of other classes or vectors.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            schema = _schema(archive)
            _audit(schema)
            parts = read_parts(archive, schema)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, RecursionError, OSError) as error:
        raise BundleError(
            f"The classifier is not a skops file of this package ({type(error).__name__}: {error}); train it again"
        ) from error
    return from_parts(parts, classes, dimension)


def _schema(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The file's description of its content, after a check of its unpacked size."""
    size = sum(entry.file_size for entry in archive.infolist())
    if size > _MAX_BYTES:
        raise BundleError(f"The classifier unpacks to {size} bytes; expected {_MAX_BYTES} at most")
    return dict(json.loads(archive.read("schema.json")))


def _audit(schema: dict[str, Any]) -> None:
    """Checks every type and loader before anything is read."""
    nodes = set(_nodes(schema))
    refused = sorted({name for name, _ in nodes} - set(TRUSTED_TYPES))
    refused += sorted({loader for _, loader in nodes} - _TRUSTED_LOADERS)
    if refused:
        raise BundleError(
            f"The classifier holds {', '.join(refused)}, which no classifier of this package does: it is not "
            "loaded. Find out where it came from, and train it again"
        )


def _nodes(schema: Any) -> Iterator[tuple[str, str]]:
    """`module.class` and loader of each node, and for a `TypeNode` also of the type it represents."""
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
