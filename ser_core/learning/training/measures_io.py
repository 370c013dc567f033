"""Population, heads and familiarity of a model as one file of plain arrays, and back after a check of each."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_core.errors import BundleError
from ser_core.learning.training.familiarity import FamiliarityMeasure
from ser_core.learning.training.fitted_model import FittedModel
from ser_core.learning.training.linear_heads import LinearHeads
from ser_core.learning.training.population import Population, one_part


@dataclass(frozen=True)
class Measures:
    """The parts of a `FittedModel` that this file holds, with its names."""

    population: Population
    heads: LinearHeads
    familiarity: FamiliarityMeasure
    abroad: float


def dump_measures(model: FittedModel) -> bytes:
    """The arrays in numpy's format, without pickle."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        count=np.float64(model.population.count),
        mean=model.population.mean,
        variance=model.population.variance,
        weights=model.heads.weights,
        intercepts=model.heads.intercepts,
        slopes=model.heads.slopes,
        directions=model.familiarity.directions,
        limit=np.float64(model.familiarity.limit),
        abroad=np.float64(model.abroad),
    )
    return buffer.getvalue()


def read_measures(data: bytes, classes: int, dimension: int) -> Measures:
    """The measures in `data`, for so many `classes` and vectors of `dimension` values.

    Raises:
        BundleError: `data` holds none, or those of other vectors, or impossible numbers.
    """
    shapes: dict[str, tuple[int | None, ...]] = {
        "count": (),
        "mean": (dimension,),
        "variance": (dimension,),
        "weights": (dimension, classes + 2),
        "intercepts": (classes + 2,),
        "slopes": (2,),
        "directions": (None, dimension),
        "limit": (),
        "abroad": (),
    }
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            read = {name: np.asarray(file[name]) for name in shapes}
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise BundleError(f"The model's measures cannot be read ({error!r}); train it again") from error
    for name, shape in shapes.items():
        _check(name, read[name], shape)
    positive = ("count", "limit", "abroad")
    if any(read[name] <= 0 for name in positive) or (read["variance"] < 0).any():
        raise BundleError("The model's measures hold impossible numbers; train it again")
    return Measures(
        one_part(float(read["count"]), read["mean"], read["variance"]),
        LinearHeads(read["weights"], read["intercepts"], read["slopes"]),
        FamiliarityMeasure(read["directions"], float(read["limit"])),
        float(read["abroad"]),
    )


def _check(name: str, array: Any, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        size in (None, actual) for size, actual in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all():
        raise BundleError(
            f"The model's {name} is {array.shape} of {array.dtype}; expected finite numbers for the features and "
            "classes that its manifest names: train it again"
        )
