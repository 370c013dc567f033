"""Reads the parts of a classifier from a skops file without skops and scikit-learn, whose import takes seconds.

Types named in the file are never imported. The only object is a perceptron, of which the arrays and numbers that
posteriors need are read.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

PROTOCOLS = range(1, 3)
"""Versions of the skops format that are read: 1 (skops 0.11) and 2 (skops 0.16)."""

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Perceptron:
    """The attributes of a fitted `MLPClassifier` that posteriors need, with its names."""

    activation: str
    max_iter: int
    n_iter_: int
    classes_: Any
    coefs_: Any
    intercepts_: Any


def read_parts(archive: zipfile.ZipFile, schema: Node) -> Any:
    """The dicts, lists, numbers, arrays and perceptrons that `schema` describes; the caller checks their types.

    Raises:
        ValueError, KeyError, TypeError: a node is damaged or of another kind.
    """
    if schema["protocol"] not in PROTOCOLS:
        raise ValueError(f"skops protocol {schema['protocol']}; expected {PROTOCOLS[0]} to {PROTOCOLS[-1]}")
    return _read(archive, schema)


def _read(archive: zipfile.ZipFile, node: Node) -> Any:
    return _READERS[node["__loader__"]](archive, node)


def _dict(archive: zipfile.ZipFile, node: Node) -> dict[str, Any]:
    return {name: _read(archive, value) for name, value in node["content"].items()}


def _list(archive: zipfile.ZipFile, node: Node) -> list[Any]:
    return [_read(archive, value) for value in node["content"]]


def _json(_: zipfile.ZipFile, node: Node) -> Any:
    return json.loads(node["content"])


def _array(archive: zipfile.ZipFile, node: Node) -> Any:
    if node["type"] != "numpy":
        raise ValueError(f"an array of {node['type']}; expected numbers")
    array = np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
    return array if node["__class__"] == "ndarray" else array[()]


def _object(archive: zipfile.ZipFile, node: Node) -> Perceptron:
    if node["__class__"] != "MLPClassifier":
        raise ValueError(f"a {node['__class__']} instead of a perceptron")
    attributes = node["content"]["content"]
    return Perceptron(**{name: _read(archive, attributes[name]) for name in Perceptron.__dataclass_fields__})


_READERS: Mapping[str, Callable[[zipfile.ZipFile, Node], Any]] = {
    "DictNode": _dict,
    "ListNode": _list,
    "JsonNode": _json,
    "NdArrayNode": _array,
    "ObjectNode": _object,
}
