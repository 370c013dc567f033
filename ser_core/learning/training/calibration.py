"""Calibration of posteriors by a temperature, fitted on speakers that the perceptrons were not trained on."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.labelled_features import Floats, Texts

GROUPS = 5
"""Groups of speakers; each is left out of training once."""

TEMPERATURES = (0.5, 6.0)
"""Lowest and highest temperature: a value beyond them comes from a sample that is too small."""

_log = logging.getLogger(__name__)
Indices = npt.NDArray[np.intp]
Doubles = npt.NDArray[np.float64]


def speaker_groups(speaker: Texts, seed: int) -> tuple[npt.NDArray[np.bool_], ...]:
    """Masks (n,) of the rows of each of `GROUPS` groups of speakers, drawn by `seed`; each row is in one group.

    There are fewer groups, but at least two, where a group would hold one speaker; none for one speaker.
    """
    names = np.unique(speaker)
    if len(names) < 2:
        _log.info("the posteriors are not calibrated: there is only one speaker, expected two or more")
        return ()
    count = min(GROUPS, max(2, len(names) // 2))
    drawn = np.random.default_rng(seed).permutation(names)
    return tuple(np.isin(speaker, drawn[group::count]) for group in range(count))


def fit_temperature(mean_logs: Floats | Doubles, truth: Indices, weight: Doubles | None = None) -> float:
    """The temperature T, within `TEMPERATURES`, that gives softmax(`mean_logs` / T) the highest likelihood.

    Guo et al. 2017, "On calibration of modern neural networks", ICML, 1321-1330. 1 leaves posteriors as they are, a
    higher temperature lowers the confidence.

    Args:
        mean_logs: (n, classes) mean log posteriors of rows whose speakers were not trained on.
        truth: (n,) true column of each row.
        weight: (n,) of each row; None: all the same.
    """
    logs = mean_logs.astype(np.float64)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        return float(np.average(np.logaddexp.reduce(scaled, axis=1) - scaled[rows, truth], weights=weight))

    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to load, and predicting does not need it

    low, high = np.log(TEMPERATURES)
    # The loss is convex in 1 / T, so it has one minimum.
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x))
