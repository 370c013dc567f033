"""Predictions on a corpus → its figures. The Parquet file that holds the predictions gives the same again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import probability
from ser_core.emotions import EMOTIONS
from ser_core.learning.evaluation import bootstrap
from ser_core.learning.evaluation.result_rows import PEER, condition_of, known
from ser_core.learning.training.labelled_features import class_index
from ser_core.learning.training.metrics import measure


def summarise_corpus(predictions: pa.Table) -> dict[str, Any]:
    """Figures of rows of `ser_core.learning.evaluation.fold_predictions.PREDICTIONS`.

    Returns:
        `conditions` by name, each with what is `known` of a speaker who is tested; `peers` by name (their other lines
        within, such as `normalised`); and `ece`, that of `unheard_speaker`, None without it.
    """
    conditions: dict[str, Any] = {}
    peers: dict[str, Any] = {}
    for name in pc.unique(predictions["condition"]).to_pylist():
        rows = predictions.filter(pc.equal(predictions["condition"], name))
        found = {**figures(rows), "known": known(name)}
        if name.startswith(PEER):
            peer, _, variant = name.removeprefix(PEER).partition(":")
            peers.setdefault(peer, {}).update({variant: found} if variant else found)
        else:
            conditions[name] = found
    return {"conditions": conditions, "ece": conditions.get("unheard_speaker", {}).get("ece"), "peers": peers}


def figures(rows: pa.Table) -> dict[str, Any]:
    """Of one condition: `uar` and `accuracy` of all folds' decisions together, `ci95` over speakers (None of one
    speaker), `fold_sd` of the folds (None of one), `n` decisions, `ece` (None without posteriors), `recall` by class,
    `confusion`, `uar_by_fold` and `reliability`.

    `ci95` and `fold_sd` are of the UAR; of a random split of the accuracy, which is what is told of one.
    """
    condition = condition_of(rows["condition"][0].as_py())
    by_accuracy = condition is not None and not condition.by_speaker
    classes = _classes(rows)
    truth, decision = (class_index(np.array(rows[one].to_pylist()), classes) for one in ("truth", "emotion"))
    posteriors = _posteriors(rows, classes, decision)
    found = measure(truth, posteriors, classes)
    fold = np.array(rows["fold"].to_pylist())
    by_fold = [measure(truth[fold == one], posteriors[fold == one], classes) for one in np.unique(fold)]
    uars = [one.uar for one in by_fold]
    spread = [one.accuracy for one in by_fold] if by_accuracy else uars
    figure = bootstrap.accuracy if by_accuracy else bootstrap.uar
    speaker = np.array(rows["speaker"].to_pylist())
    ci95 = bootstrap.interval(truth, decision, speaker, len(classes), figure)
    decided = _has_posteriors(rows)
    return {
        "uar": found.uar,
        "accuracy": found.accuracy,
        "ci95": None if ci95 is None else list(ci95),
        "fold_sd": float(np.std(spread, ddof=1)) if len(spread) > 1 else None,
        "n": found.decisions,
        "ece": found.ece if decided else None,
        "classes": list(classes),
        "recall": dict(found.recall),
        "confusion": [list(row) for row in found.confusion],
        "uar_by_fold": uars,
        "reliability": [one._asdict() for one in found.reliability] if decided else [],
    }


def _classes(rows: pa.Table) -> tuple[str, ...]:
    """Emotions that were to be decided between: those with posteriors, or that were said."""
    said = set(rows["truth"].to_pylist()) | set(rows["emotion"].to_pylist())
    return tuple(one for one in EMOTIONS if one in said or rows[probability(one)].null_count < len(rows))


def _has_posteriors(rows: pa.Table) -> bool:
    return any(rows[probability(one)].null_count < len(rows) for one in EMOTIONS)


def _posteriors(rows: pa.Table, classes: tuple[str, ...], decision: Any) -> Any:
    """(n, classes); where there are none, all on the decision."""
    if not _has_posteriors(rows):
        return np.eye(len(classes))[decision]
    columns = [rows[probability(one)].fill_null(0.0).to_numpy() for one in classes]
    return np.stack(columns, axis=1).astype(np.float64)
