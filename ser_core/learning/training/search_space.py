"""Which hyperparameters are searched over, and in what range."""

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
    """A range, both ends within; `log`: steps are factors, `whole`: whole numbers only."""

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
    # a perceptron that is given more is better alone and gains less by voting: few of them would flatter large shares
    "feature_share": Dimension(0.15, 0.4),
    "max_iter": Dimension(8, 30, log=True, whole=True),
}
_DIRECTIONS = Dimension(0, 10, whole=True)
_PRIORS = Dimension(0.25, 20.0, log=True)
_HIDDEN = ((64,), (128,), (256,))


class Space:
    """The dimensions around a recipe, which is a point of the space, or next to one.

    Where speakers are normalised, `prior_segments` is searched over, else `speaker_directions`: each does nothing in
    the other's case. `copies` goes up to the number of altered conditions that there are.
    """

    def __init__(self, recipe: TrainingSettings, altered: int) -> None:
        self._recipe = recipe
        normalised = recipe.speaker_normalisation.strength_mean > 0
        more = {_PRIOR: _PRIORS} if normalised else {"speaker_directions": _DIRECTIONS}
        if altered:
            more["copies"] = Dimension(0, altered, whole=True)
        values = self._values()
        self.ranges = {name: one.around(values[name]) for name, one in {**_DIMENSIONS, **more}.items()}
        shapes = {*_HIDDEN, tuple(recipe.hidden_layers)}
        self.choices = {_LAYERS: tuple(json.dumps(shape) for shape in sorted(shapes))}

    def point(self) -> dict[str, Any]:
        """The recipe, or the nearest point to it."""
        values = self._values()
        inside: dict[str, Any] = {name: one.clipped(values[name]) for name, one in self.ranges.items()}
        return {**inside, _LAYERS: json.dumps(tuple(self._recipe.hidden_layers))}

    def overrides(self, point: Point) -> dict[str, Any]:
        """What of the recipe a point changes. Values are rounded to three digits, as many as matter."""
        own, found = self._values(), {}
        for name in self.ranges:
            value = point[name] if isinstance(point[name], int) else float(f"{point[name]:.3g}")
            if value != own[name]:
                found[name] = value
        if (layers := json.loads(point[_LAYERS])) != list(self._recipe.hidden_layers):
            found[_LAYERS] = layers
        if _PRIOR in found:
            found["speaker_normalisation"] = {_PRIOR: found.pop(_PRIOR)}
        return found

    def _values(self) -> dict[str, Any]:
        return {**self._recipe.model_dump(), _PRIOR: self._recipe.speaker_normalisation.prior_segments}
