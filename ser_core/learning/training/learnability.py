"""What a corpus teaches: how well its emotions are heard in its own speakers left out of training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.calibration import speaker_groups
from ser_core.learning.training.corpus_balance import row_weights
from ser_core.learning.training.labelled_features import Floats, Texts
from ser_core.learning.training.linear_heads import fit_heads
from ser_core.learning.training.metrics import unweighted_average_recall

LEAST = 0.05
"""No corpus is worth less."""
Indices = npt.NDArray[np.intp]


def learnability(Z: Floats, y: Indices, speaker: Texts) -> float:
    """Recall above chance, `LEAST` to 1, of the classes y (n,) in `Z` (n, d), in groups of speakers left out.

    (UAR - 1/k) / (1 - 1/k) of k classes, by the linear heads. A corpus that hardly teaches its own speakers' emotions
    teaches nobody else's: its labels or its lines are too noisy to weigh as much as a clear one. 1 for one speaker or
    one class, of which nothing is known.
    """
    present, code = np.unique(y, return_inverse=True)
    code = code.reshape(-1)
    groups = speaker_groups(speaker, 0)
    names = ("neutral",) * len(present)  # the heads of affect are not used
    right = np.zeros(len(y), dtype=bool)
    if len(present) < 2 or not groups:
        return 1.0
    for group in groups:
        corpus = np.full(np.count_nonzero(~group), "")
        weight = row_weights(corpus, code[~group], {"": 1.0}, balance_classes=True)
        scores = fit_heads(Z[~group], code[~group], names, weight)(Z[group])[:, :-2]
        right[group] = scores.argmax(axis=1) == code[group]
    uar = float(unweighted_average_recall(np.bincount(code, weights=right), np.bincount(code)))
    return min(1.0, max(LEAST, (uar - 1 / len(present)) / (1 - 1 / len(present))))
