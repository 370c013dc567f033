"""Permutation importance by feature family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.fitted_model import SpeakerModel
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, Texts, class_index
from ser_core.learning.training.metrics import measure

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class FamilyImportance:
    """Drop of the unweighted average recall when a family of `features` features is shuffled.

    Mean and standard deviation (n - 1 degrees of freedom; 0 for one shuffling) are over shufflings.
    """

    family: str
    features: int
    uar_drop_mean: float
    uar_drop_sd: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class HeldOut:
    """A fitted model and rows it was not trained on; rows with equal `voice` (n,) are normalised together."""

    model: SpeakerModel
    data: LabelledFeatures
    voice: Texts


def pooled_importance(
    parts: Sequence[HeldOut], families: Mapping[str, Sequence[int] | Indices], repeats: int, seed: int
) -> tuple[FamilyImportance, ...]:
    """The importance of each family, the most important first.

    Permutation importance (Breiman 2001, "Random forests", Machine Learning 45, 5-32) of groups of features, which is
    the model reliance of Fisher, Rudin & Dominici 2019 (J. Machine Learning Research 20, 177) on a family. All columns
    of a family are shuffled over the rows by one permutation: they stay consistent with each other, and lose their
    relation to the label. Families share information, so drops do not add up, and a redundant family drops little.

    The recall is of segments. Rows are shuffled within a part; the decisions of all parts are measured together.

    Args:
        parts: the test parts of all folds.
        families: columns of a vector by family.
        repeats: shufflings of each family.
        seed: of the shufflings.

    Raises:
        ValueError: there is no part, no shuffling, or a family names a column that does not exist.
    """
    if not parts or repeats < 1:
        raise ValueError(f"{len(parts)} parts and {repeats} repeats; expected one or more of each")
    columns = {name: np.asarray(places, dtype=np.intp) for name, places in families.items()}
    width = parts[0].data.X.shape[1]
    for name, places in columns.items():
        if not len(places) or places.min() < 0 or places.max() >= width:
            raise ValueError(f"the family {name!r} names columns {places.tolist()}; expected some of 0 to {width - 1}")
    truth = np.concatenate([class_index(part.data.emotion, part.model.classes) for part in parts])
    baseline = _uar(truth, parts, [part.data.X for part in parts])
    rng = np.random.default_rng(seed)
    importances = []
    for name, places in columns.items():
        shufflings = ([_shuffled(part.data.X, places, rng) for part in parts] for _ in range(repeats))
        drops = [baseline - _uar(truth, parts, shuffled) for shuffled in shufflings]
        deviation = float(np.std(drops, ddof=1)) if repeats > 1 else 0.0
        importances.append(FamilyImportance(name, len(places), float(np.mean(drops)), deviation))
    return tuple(sorted(importances, key=lambda importance: -importance.uar_drop_mean))


def _shuffled(X: Floats, columns: Indices, rng: np.random.Generator) -> Floats:
    shuffled = X.copy()
    shuffled[:, columns] = X[np.ix_(rng.permutation(len(X)), columns)]
    return shuffled


def _uar(truth: Indices, parts: Sequence[HeldOut], vectors: Sequence[Floats]) -> float:
    posteriors = [part.model.posteriors(X, part.voice) for part, X in zip(parts, vectors, strict=True)]
    return measure(truth, np.concatenate(posteriors), parts[0].model.classes).uar
