"""Metrics of a model as pictures: confusion matrix and reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ser_core.learning.training.metrics import expected_calibration_error, unweighted_average_recall
from ser_core.report.figures import to_png

_INK = "#33567F"


def confusion_matrix(matrix: NDArray[np.int64], classes: Sequence[str], title: str) -> bytes:
    """PNG of `matrix` (k, k), rows the true class and columns the predicted one.

    Colours are shares of the row. Each cell has its count and share, so the diagonal holds the recall of each class.
    The title has the unweighted average recall of the classes that occur.

    Raises:
        ValueError: the matrix does not have a row and a column for each of `classes`.
    """
    k = len(classes)
    if matrix.shape != (k, k) or not k:
        raise ValueError(f"the matrix has shape {matrix.shape}; expected ({k}, {k}) for classes {', '.join(classes)}")
    totals = matrix.sum(axis=1)
    share = matrix / np.maximum(totals, 1)[:, None]
    side = 3.0 + 0.62 * k
    figure = Figure(figsize=(side + 1.2, side), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    for row in range(k):
        for column in range(k):
            ink = "white" if share[row, column] > 0.55 else "black"
            text = f"{matrix[row, column]:,}\n{share[row, column]:.0%}" if totals[row] else "0"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(range(k), classes, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(k), [f"{name} ({total:,})" for name, total in zip(classes, totals, strict=True)])
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True (count)")
    uar = float(unweighted_average_recall(np.diag(matrix), totals))
    axes.set_title(f"{title}\nUAR {uar:.3f}, {int(totals.sum()):,} decisions", fontsize=11)
    figure.colorbar(shown, ax=axes, label="Share of the true class (diagonal: recall)", shrink=0.8)
    return to_png(figure)


def reliability_diagram(
    confidence: NDArray[np.float64], accuracy: NDArray[np.float64], counts: NDArray[np.int64], *, title: str
) -> bytes:
    """PNG of accuracy over confidence by bin (Guo et al. 2017, "On Calibration of Modern Neural Networks", ICML).

    `confidence`, `accuracy` and `counts` are (bins,): mean confidence, share of correct decisions and number of
    decisions of each bin. Empty bins (count 0) are left out. The title has the expected calibration error.

    Raises:
        ValueError: the three differ in shape.
    """
    if not confidence.shape == accuracy.shape == counts.shape:
        raise ValueError(
            f"confidence {confidence.shape}, accuracy {accuracy.shape} and counts {counts.shape} differ in shape; "
            "expected one value a bin in each"
        )
    used = counts > 0
    at, right, n = confidence[used], accuracy[used], counts[used]
    ece = expected_calibration_error(at, right, n)
    figure = Figure(figsize=(5.6, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.0))
    upper.plot((0, 1), (0, 1), color="#777777", linestyle="--", linewidth=1, label="perfectly calibrated")
    upper.vlines(at, np.minimum(at, right), np.maximum(at, right), color="#CC6677", linewidth=2, label="gap")
    upper.plot(at, right, color=_INK, marker="o", markersize=5, label="model")
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="Accuracy")
    upper.set_title(f"{title}\nExpected calibration error {ece:.3f}, {int(n.sum()):,} decisions", fontsize=11)
    upper.legend(loc="upper left", frameon=False)
    lower.bar(at, n, width=0.8 / max(len(counts), 1), color=_INK)
    lower.set(xlabel="Confidence (largest posterior)", ylabel="Decisions")
    for axes in (upper, lower):
        axes.grid(color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
    return to_png(figure)
