"""Posteriors that mean what they say: a temperature, fitted on speakers that the perceptrons have not heard."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.labelled_features import Floats, Texts

GROUPS = 5
"""Into which the speakers are parted; each is left out once."""

TEMPERATURES = (0.5, 6.0)
"""At the least and at the most: beyond these speaks the smallness of the sample."""

_log = logging.getLogger(__name__)
Indices = npt.NDArray[np.intp]


def speaker_groups(speaker: Texts, seed: int) -> tuple[npt.NDArray[np.bool_], ...]:
    """Masks (n,) of the rows of each of `GROUPS` groups of speakers, drawn by `seed`: each row is in one of them.

    There are fewer groups where a group would be of one speaker, two at the least; of one speaker there is none.
    """
    names = np.unique(speaker)
    if len(names) < 2:
        _log.info("the posteriors are not calibrated: there is one speaker only, expected two or more")
        return ()
    count = min(GROUPS, max(2, len(names) // 2))
    drawn = np.random.default_rng(seed).permutation(names)
    return tuple(np.isin(speaker, drawn[group::count]) for group in range(count))


def fit_temperature(mean_logs: Floats, truth: Indices) -> float:
    """The temperature T that makes softmax(`mean_logs` / T), (n, classes), the likeliest for the places `truth` (n,).

    Guo et al. 2017, "On calibration of modern neural networks", ICML, 1321-1330. `mean_logs` are those of rows whose
    speakers were not trained on. Within `TEMPERATURES`; 1 leaves posteriors as they are, more makes them less sure.
    """
    logs = mean_logs.astype(np.float64)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - scaled[rows, truth]))

    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to load, and hearing a file does not need it

    low, high = np.log(TEMPERATURES)
    # convex in 1 / T, and so of one minimum
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x))
