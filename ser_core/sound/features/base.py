"""Feature sets: a name, ordered features, and a fingerprint of everything that changes a number."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class FeatureSet(ABC):
    """Segments → vectors. Picklable; each process caches what is expensive to build."""

    def __init__(self, family: str, sample_rate: int, parameters: Mapping[str, Any]) -> None:
        self._family = family
        self.sample_rate = sample_rate
        self.parameters = dict(parameters)
        self.fingerprint = fingerprint(self.parameters)

    @property
    @abstractmethod
    def feature_names(self) -> tuple[str, ...]:
        """Names `<descriptor>_<functional>`, in the order of a vector's values."""

    @abstractmethod
    def extract(self, segments: Sequence[Array]) -> Array:
        """The vectors of `segments`: each float32 of shape (samples,) at `sample_rate`, one sample or more, full scale
        -1 to 1. Returns float32 of shape (len(segments), dimension), raw: nothing is normalised.

        Raises:
            ValueError: a segment is empty or not one-dimensional.
        """

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Features that belong together, by the family's name: those of one descriptor, unless the set says otherwise.

        Each feature is in one family.
        """
        return by_family(self.feature_names, lambda name: name.partition("_")[0])

    @property
    def dimension(self) -> int:
        """Values in a vector."""
        return len(self.feature_names)

    @property
    def name(self) -> str:
        """Family, dimension and analysis rate, such as `paper-180@8k`."""
        return f"{self._family}-{self.dimension}@{self.sample_rate / 1000:g}k"

    @property
    def id(self) -> str:
        """`<name>:<fingerprint>`, the column `feature_set`."""
        return f"{self.name}:{self.fingerprint}"


def by_family(names: Iterable[str], family_of: Callable[[str], str]) -> dict[str, tuple[str, ...]]:
    """`names` by their family, both in the order of their first appearance."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(family_of(name), []).append(name)
    return {family: tuple(members) for family, members in families.items()}


def check_segments(segments: Sequence[Array]) -> None:
    """Refuses what `FeatureSet.extract` does not take.

    Raises:
        ValueError: a segment is empty or not one-dimensional.
    """
    for i, y in enumerate(segments):
        if y.ndim != 1 or y.size == 0:
            raise ValueError(f"segment {i} has the shape {y.shape}; expected (samples,), one sample or more")


def fingerprint(parameters: Mapping[str, Any]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the parameters as canonical JSON."""
    canonical = json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:12]
