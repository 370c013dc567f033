"""The hyperparameters of a search, and their ranges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ser_core.config.settings import TrainingSettings

Point = Mapping[str, Any]
"""Values by the name of their dimension."""

_PRIOR = "prior_segments"
_LAYERS = "hidden_layers"


class Dimension(NamedTuple):
    """A closed range; `log`: on a logarithmic scale, `whole`: whole numbers only."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def around(self, value: float) -> Dimension:
        """The range widened to hold `value`, as far as a logarithm allows."""
        return self._replace(
            low=self.low if self.log and value <= 0 else min(self.low, value), high=max(self.high, value)
        )

    def clipped(self, value: float) -> float | int:
        """The nearest value in the range."""
        inside = min(max(value, self.low), self.high)
        return round(inside) if self.whole else float(inside)


_DIMENSIONS: Mapping[str, Dimension] = {
    "alpha": Dimension(0.03, 10.0, log=True),
    # With a larger share, a perceptron is better alone and gains less in an ensemble. A search with few perceptrons
    # would therefore favour large shares.
    "feature_share": Dimension(0.15, 0.4),
    "max_iter": Dimension(8, 30, log=True, whole=True),
}
_DIRECTIONS = Dimension(0, 10, whole=True)
_PRIORS = Dimension(0.25, 20.0, log=True)
_HIDDEN = ((64,), (128,), (256,))


class Space:
    """The dimensions around a recipe, which is a point of the space or next to one.

    `prior_segments` is a dimension where speakers are normalised, `speaker_directions` where they are not: each has no
    effect in the other case. `copies` goes up to `altered`, the number of altered conditions.
    """

    def __init__(self, recipe: TrainingSettings, altered: int) -> None:
        self._recipe = recipe
        normalised = recipe.speaker_normalisation.strength_mean > 0
        more = {_PRIOR: _PRIORS} if normalised else {"speaker_directions": _DIRECTIONS}
        if altered:
            more["copies"] = Dimension(0, altered, whole=True)
        values = self._values()
        self.ranges = {name: dimension.around(values[name]) for name, dimension in {**_DIMENSIONS, **more}.items()}
        shapes = {*_HIDDEN, tuple(recipe.hidden_layers)}
        self.choices = {_LAYERS: tuple(json.dumps(shape) for shape in sorted(shapes))}

    def point(self) -> dict[str, Any]:
        """The recipe, or the point nearest to it."""
        values = self._values()
        inside: dict[str, Any] = {name: of.clipped(values[name]) for name, of in self.ranges.items()}
        return {**inside, _LAYERS: json.dumps(tuple(self._recipe.hidden_layers))}

    def overrides(self, point: Point) -> dict[str, Any]:
        """The settings that a point changes of the recipe, rounded to three significant digits."""
        current, changes = self._values(), {}
        for name in self.ranges:
            value = point[name] if isinstance(point[name], int) else float(f"{point[name]:.3g}")
            if value != current[name]:
                changes[name] = value
        if (layers := json.loads(point[_LAYERS])) != list(self._recipe.hidden_layers):
            changes[_LAYERS] = layers
        if _PRIOR in changes:
            changes["speaker_normalisation"] = {_PRIOR: changes.pop(_PRIOR)}
        return changes

    def _values(self) -> dict[str, Any]:
        return {**self._recipe.model_dump(), _PRIOR: self._recipe.speaker_normalisation.prior_segments}
