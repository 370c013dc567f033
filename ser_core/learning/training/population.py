"""The population of an archive: mean and deviation of its vectors, from sums that can be merged.

An archive's lines, codecs and callers shift every vector alike. Measured from the population of its own archive, a
vector says how a voice differs from the others over the same lines; no speaker needs to be known for it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ser_core.errors import BundleError
from ser_core.learning.training.labelled_features import Floats, Texts

Doubles = npt.NDArray[np.float64]

PARTS = 8
"""Recordings are dealt into so many parts by their hash. A quarter of the parts at either end is left out of an
estimate, so that a few recordings with values that are errors spoil their own part only."""

_CONSTANT = 1e-6
"""A deviation below this share of the feature's mean is rounding, not variation."""


class Measuring(Protocol):
    """What raw vectors are measured from."""

    def standardised(self, X: Floats) -> Floats:
        """Vectors `X` (n, d) as deviations, float32."""


@dataclass(frozen=True)
class Population:
    """Rows, means and sums of squared deviations of the parts of an archive: (p,), (p, d), (p, d).

    `mean` and `variance` are interquartile means over the parts (the 25 % trimmed mean, Tukey 1977), each part with
    the weight of its rows. Parts without rows count for nothing.
    """

    counts: Doubles
    means: Doubles
    squares: Doubles

    @classmethod
    def of(cls, X: Floats, recording_id: Texts | None = None) -> Population:
        """The population of the vectors `X` (n, d), which are finite.

        Parts are by `recording_id` (n,). Where it is None, each row is a recording of its own: rows are dealt in turn.
        """
        part = np.arange(len(X)) % PARTS if recording_id is None else parts_of(recording_id)
        counts = np.bincount(part, minlength=PARTS).astype(np.float64)
        means, squares = np.zeros((PARTS, X.shape[1])), np.zeros((PARTS, X.shape[1]))
        for number in np.flatnonzero(counts):
            rows = X[part == number].astype(np.float64)
            means[number] = rows.mean(axis=0)
            squares[number] = np.square(rows - means[number]).sum(axis=0)
        return cls(counts, means, squares)

    @classmethod
    def merged(cls, populations: Iterable[Population]) -> Population:
        """The population of all rows together (Chan, Golub & LeVeque 1983, Am. Stat. 37, 242-247).

        Raises:
            ValueError: there is none, or they differ in parts or features.
        """
        together: Population | None = None
        for population in populations:
            together = population if together is None else together._and(population)
        if together is None:
            raise ValueError("no population to merge; expected one or more")
        return together

    def _and(self, other: Population) -> Population:
        if self.means.shape != other.means.shape:
            raise ValueError(f"populations of {self.means.shape} and {other.means.shape} parts and features differ")
        counts = self.counts + other.counts
        share = np.divide(other.counts, counts, out=np.zeros_like(counts), where=counts > 0)[:, np.newaxis]
        apart = other.means - self.means
        squares = self.squares + other.squares + np.square(apart) * (self.counts[:, np.newaxis] * share)
        return Population(counts, self.means + apart * share, squares)

    @property
    def count(self) -> int:
        """Rows of all parts."""
        return int(self.counts.sum())

    @cached_property
    def mean(self) -> Doubles:
        """(d,) of each feature; 0 where there are no rows."""
        return _midmean(self.means, self.counts)

    @cached_property
    def variance(self) -> Doubles:
        """(d,) of each feature, about `mean`; 0 where there are no rows."""
        held = np.maximum(self.counts, 1)[:, np.newaxis]
        return _midmean(self.squares / held + np.square(self.means - self.mean), self.counts)

    @cached_property
    def deviation(self) -> Doubles:
        """(d,) root of `variance`; 1 for a feature that does not vary."""
        deviation = np.sqrt(self.variance)
        return np.where(deviation <= _CONSTANT * np.abs(self.mean), 1.0, deviation)

    def shrunk(self, towards: Population, prior_count: float) -> Population:
        """A population of one part, moved `towards` another: prior_count rows of that are added to the own rows.

        An archive of few segments is measured almost from the training corpora's population, a large one from its own
        (maximum a posteriori adaptation, Gauvain & Lee 1994, IEEE Trans. Speech Audio Process. 2, 291-298).
        """
        n = self.count + prior_count
        share = self.count / n if n else 0.0
        mean = share * self.mean + (1 - share) * towards.mean
        variance = share * self.variance + (1 - share) * towards.variance
        return one_part(n, mean, variance)

    def standardised(self, X: Floats) -> Floats:
        """Vectors `X` (n, d) as deviations from the mean, float32."""
        Z: Floats = np.subtract(X, self.mean.astype(np.float32), dtype=np.float32)
        Z *= (1 / self.deviation).astype(np.float32)
        return Z

    def to_bytes(self) -> bytes:
        """For a file; floats are restored exactly."""
        buffer = io.BytesIO()
        np.save(buffer, np.column_stack([self.counts, self.means, self.squares]), allow_pickle=False)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, dimension: int) -> Population:
        """The population in `data`, of `dimension` features.

        Raises:
            BundleError: `data` holds none, or one of other vectors.
        """
        try:
            table: Any = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise BundleError(f"A population cannot be read ({error}); compute it again") from error
        if table.dtype != np.float64 or table.ndim != 2 or table.shape[1] != 1 + 2 * dimension or not len(table):
            raise BundleError(f"A population of {table.shape} {table.dtype}; expected {dimension} features")
        counts, means, squares = table[:, 0], table[:, 1 : 1 + dimension], table[:, 1 + dimension :]
        if not np.isfinite(table).all() or (counts < 0).any() or (squares < 0).any():
            raise BundleError("A population holds impossible numbers; compute it again")
        return cls(counts, means, squares)


def one_part(count: float, mean: Doubles, variance: Doubles) -> Population:
    """A population of which mean and variance, each (d,), are known as such."""
    return Population(np.array([float(count)]), mean[np.newaxis], (count * variance)[np.newaxis])


def parts_of(recording_id: Texts) -> npt.NDArray[np.intp]:
    """The part (n,) of each recording, the same on every machine and day."""
    names, number = np.unique(recording_id, return_inverse=True)
    parts = np.array([zlib.crc32(name.encode()) % PARTS for name in names.tolist()], dtype=np.intp)
    return parts[number.reshape(-1)]


def _midmean(values: Doubles, counts: Doubles) -> Doubles:
    """Interquartile mean of `values` (p, d) over the parts, weighted by `counts` (p,)."""
    kept = counts > 0
    if not kept.any():
        return np.zeros(values.shape[1])
    values, weights = values[kept], counts[kept]
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    weight = weights[order]
    upper = np.cumsum(weight, axis=0) / weights.sum()
    lower = upper - weight / weights.sum()
    inside = np.clip(np.minimum(upper, 0.75) - np.maximum(lower, 0.25), 0, None)
    return np.asarray((ranked * inside).sum(axis=0) / inside.sum(axis=0))
