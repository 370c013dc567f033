"""Predictions on a corpus → its metrics. The Parquet file that holds the predictions gives the same metrics again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import probability
from ser_core.emotions import EMOTIONS
from ser_core.learning.evaluation.bootstrap import bootstrap_interval, sums_by_group
from ser_core.learning.evaluation.result_rows import PEER, condition_of, known
from ser_core.learning.training.labelled_features import class_index
from ser_core.learning.training.metrics import accuracy, measure, unweighted_average_recall


def summarise_corpus(predictions: pa.Table) -> dict[str, Any]:
    """Metrics of rows of `ser_core.learning.evaluation.fold_predictions.PREDICTIONS`.

    Returns:
        `conditions` by name, each with what is `known` of a test speaker; `peers` by name, with their other rows, such
        as `normalised`, inside; and `ece`, that of `unheard_speaker`, None without it.
    """
    conditions: dict[str, Any] = {}
    peers: dict[str, Any] = {}
    for name in pc.unique(predictions["condition"]).to_pylist():
        rows = predictions.filter(pc.equal(predictions["condition"], name))
        metrics = {**condition_metrics(rows), "known": known(name)}
        if name.startswith(PEER):
            peer, _, variant = name.removeprefix(PEER).partition(":")
            peers.setdefault(peer, {}).update({variant: metrics} if variant else metrics)
        else:
            conditions[name] = metrics
    return {"conditions": conditions, "ece": conditions.get("unheard_speaker", {}).get("ece"), "peers": peers}


def condition_metrics(rows: pa.Table) -> dict[str, Any]:
    """Metrics of the predictions of one condition.

    Returns:
        `uar` and `accuracy` of the decisions of all folds together, `n` of them; `ece`, None without posteriors;
        `recall` by class, `confusion`, `uar_by_fold`, `reliability`; `ci95`, a bootstrap over speakers, None for one
        speaker; and `fold_sd`, the standard deviation over folds, None for one fold. The last two are of the UAR; of a
        random split, they are of the accuracy, which is the usual metric there.
    """
    condition = condition_of(rows["condition"][0].as_py())
    by_accuracy = condition is not None and not condition.by_speaker
    classes = _classes(rows)
    truth, decision = (class_index(np.array(rows[name].to_pylist()), classes) for name in ("truth", "emotion"))
    posteriors = _posteriors(rows, classes, decision)
    metrics = measure(truth, posteriors, classes)
    fold = np.array(rows["fold"].to_pylist())
    by_fold = [measure(truth[fold == number], posteriors[fold == number], classes) for number in np.unique(fold)]
    spread = [of_fold.accuracy if by_accuracy else of_fold.uar for of_fold in by_fold]
    has_posteriors = _has_posteriors(rows)
    return {
        "uar": metrics.uar,
        "accuracy": metrics.accuracy,
        "ci95": _interval(np.array(rows["speaker"].to_pylist()), truth, decision, len(classes), by_accuracy),
        "fold_sd": float(np.std(spread, ddof=1)) if len(spread) > 1 else None,
        "n": metrics.decisions,
        "ece": metrics.ece if has_posteriors else None,
        "classes": list(classes),
        "recall": dict(metrics.recall),
        "confusion": [list(row) for row in metrics.confusion],
        "uar_by_fold": [of_fold.uar for of_fold in by_fold],
        "reliability": [bin_._asdict() for bin_ in metrics.reliability] if has_posteriors else [],
    }


def _interval(
    speaker: npt.NDArray[np.str_],
    truth: npt.NDArray[np.intp],
    decision: npt.NDArray[np.intp],
    classes: int,
    by_accuracy: bool,
) -> list[float] | None:
    """The 95 % interval over speakers of the accuracy, or of the UAR."""
    metric = accuracy if by_accuracy else unweighted_average_recall
    counts = np.column_stack([np.ones(len(truth)), decision == truth])
    sums = sums_by_group(speaker, truth, counts, classes)
    interval = bootstrap_interval(sums, lambda drawn: metric(drawn[:, 1], drawn[:, 0]))
    return None if interval is None else [float(end) for end in interval]


def _classes(rows: pa.Table) -> tuple[str, ...]:
    """The emotions of the task: those with posteriors, and those that occur as truth or decision."""
    named = set(rows["truth"].to_pylist()) | set(rows["emotion"].to_pylist())
    return tuple(name for name in EMOTIONS if name in named or rows[probability(name)].null_count < len(rows))


def _has_posteriors(rows: pa.Table) -> bool:
    return any(rows[probability(name)].null_count < len(rows) for name in EMOTIONS)


def _posteriors(rows: pa.Table, classes: tuple[str, ...], decision: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """(n, classes); without posteriors, 1 for the decision."""
    if not _has_posteriors(rows):
        return np.eye(len(classes))[decision]
    columns = [rows[probability(name)].fill_null(0.0).to_numpy() for name in classes]
    return np.stack(columns, axis=1).astype(np.float64)
