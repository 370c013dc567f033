"""Statistics of the vectors of an archive or a corpus, which can be merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.labelled_features import Floats

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """The `count` of vectors, and the `mean` and `variance` (d,) of each feature."""

    count: int
    mean: Doubles
    variance: Doubles

    @classmethod
    def of(cls, X: Floats) -> Population:
        """The statistics of `X` (n, d)."""
        return cls(len(X), X.mean(axis=0, dtype=np.float64), X.var(axis=0, dtype=np.float64))
