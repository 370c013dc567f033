"""Predictions on strangers → metrics by row. The Parquet file of the predictions gives the same metrics again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.schemas import probability
from ser_core.emotions import AFFECT, EMOTIONS
from ser_core.learning.evaluation.bootstrap import bootstrap_interval, sums_by_group
from ser_core.learning.evaluation.corpus_metrics import condition_metrics
from ser_core.learning.evaluation.stranger_conditions import stranger_row
from ser_core.learning.evaluation.stranger_rows import AROUSAL, VALENCE, restricted
from ser_core.learning.training.labelled_features import class_index
from ser_core.learning.training.metrics import accuracy, measure, unweighted_average_recall

HIGH_AROUSAL = frozenset({"angry", "happy", "fearful", "surprised"})
NEGATIVE_VALENCE = frozenset(name for name, affect in AFFECT.items() if affect.valence < 0)
_HALF = 0.5
_QUARTERS = 4

People = Mapping[str, Mapping[str, Mapping[str, str]]]
"""What is known of a clip's speaker (`sex`, `language`), by corpus and clip."""
ClassesOf = Mapping[str, Mapping[str, Sequence[str]]]
"""By tested corpus, the emotions of each of its training corpora."""


def summarise_strangers(
    predictions: pa.Table, min_confidence: float, people: People, classes_of: ClassesOf
) -> dict[str, Any]:
    """Metrics of rows of `ser_core.learning.evaluation.stranger_rows.STRANGER_PREDICTIONS`.

    Returns:
        `conditions` by row, and `peers` by name and row, each with the metrics of `row_metrics`.
    """
    conditions: dict[str, Any] = {}
    peers: dict[str, Any] = {}
    for name in pc.unique(predictions["condition"]).to_pylist():
        row = stranger_row(name)
        rows = predictions.filter(pc.equal(predictions["condition"], name))
        metrics = {
            **row_metrics(rows, min_confidence),
            "by": _by(rows, people.get(row.corpus, {})),
            "of_classes": _of_classes(rows, classes_of.get(row.corpus, {})),
            "known": row.condition.known,
        }
        if row.peer is None:
            conditions[name] = metrics
        else:
            peers.setdefault(row.peer, {})[name.partition(f":{row.peer}:")[2]] = metrics
    return {"conditions": conditions, "peers": peers, "min_confidence": min_confidence}


def row_metrics(rows: pa.Table, min_confidence: float) -> dict[str, Any]:
    """Metrics of one row, with abstention off.

    Returns:
        Those of `condition_metrics`; `chance`, the UAR of a guess; `arousal` and `valence`, each with `recall` (the
        mean of those of high and low, and of negative and other), `ci95`, and whether it is `predicted` directly;
        `accuracy_by_quarter` of the decisions by rising confidence; and, with abstention on, `decided`: the `precision`
        of decisions with at least `min_confidence`, and the share `undecided`.
    """
    metrics = condition_metrics(rows)
    confidence, right = _confidence(rows)
    decided = confidence >= min_confidence
    quarters = np.array_split(right[np.argsort(confidence, kind="stable")], _QUARTERS)
    return {
        **metrics,
        "chance": 1 / len(metrics["classes"]),
        "arousal": _affect(rows, AROUSAL, HIGH_AROUSAL),
        "valence": _affect(rows, VALENCE, NEGATIVE_VALENCE),
        "accuracy_by_quarter": [float(part.mean()) if len(part) else None for part in quarters],
        "decided": {
            "precision": float(right[decided].mean()) if decided.any() else None,
            "undecided": float(1 - decided.mean()),
        },
    }


def _confidence(rows: pa.Table) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The largest posterior (n,) of each clip, and whether the decision is right."""
    columns = [rows[probability(name)].fill_null(0.0).to_numpy() for name in EMOTIONS]
    right = pc.equal(rows["truth"], rows["emotion"]).to_numpy(zero_copy_only=False)
    return np.max(columns, axis=0).astype(np.float64), right.astype(bool)


def _affect(rows: pa.Table, column: str, named: frozenset[str]) -> dict[str, Any] | None:
    """Mean recall of the emotions in `named` and of the others, by the share in `column`, else by the decision.

    None where all clips are of one side.
    """
    truth = np.isin(rows["truth"].to_pylist(), list(named))
    if truth.all() or not truth.any():
        return None
    predicted = rows[column].null_count == 0
    decision = rows[column].to_numpy() >= _HALF if predicted else np.isin(rows["emotion"].to_pylist(), list(named))
    counts = np.column_stack([np.ones(len(truth)), decision == truth])
    sums = sums_by_group(np.array(rows["speaker"].to_pylist()), truth.astype(np.intp), counts, 2)
    interval = bootstrap_interval(sums, lambda drawn: unweighted_average_recall(drawn[:, 1], drawn[:, 0]))
    total = sums.sum(axis=0)
    return {
        "recall": float(unweighted_average_recall(total[1], total[0])),
        "ci95": None if interval is None else [float(end) for end in interval],
        "predicted": predicted,
    }


def _by(rows: pa.Table, people: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """UAR, accuracy and number by sex and by language, where clips of two or more are known."""
    found: dict[str, Any] = {}
    clips = rows["clip"].to_pylist()
    for what in ("sex", "language"):
        values = [people.get(clip, {}).get(what, "") for clip in clips]
        kinds = sorted(set(values) - {""})
        if kinds and (what == "sex" or len(kinds) > 1):
            found[what] = {kind: _small(rows.filter(pa.array([value == kind for value in values]))) for kind in kinds}
    return found


def _small(rows: pa.Table) -> dict[str, Any]:
    names = [name for name in EMOTIONS if name in {*rows["truth"].to_pylist(), *rows["emotion"].to_pylist()}]
    truth, decision = (class_index(np.array(rows[name].to_pylist()), tuple(names)) for name in ("truth", "emotion"))
    support = np.bincount(truth, minlength=len(names))
    right = np.bincount(truth, weights=decision == truth, minlength=len(names))
    return {
        "uar": float(unweighted_average_recall(right, support)),
        "accuracy": float(accuracy(right, support)),
        "n": len(truth),
    }


def _of_classes(rows: pa.Table, training: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """UAR on the emotions of one training corpus alone, where these are fewer than those tested: by that corpus."""
    tested = tuple(name for name in EMOTIONS if rows[probability(name)].null_count < len(rows))
    found = {}
    for corpus, emotions in training.items():
        shared = tuple(name for name in tested if name in emotions)
        if not 1 < len(shared) < len(tested):
            continue
        kept = rows.filter(pc.is_in(rows["truth"], pa.array(shared)))
        if not len(kept):
            continue
        every = np.stack([kept[probability(name)].to_numpy() for name in tested], axis=1)
        metrics = measure(
            class_index(np.array(kept["truth"].to_pylist()), shared), restricted(every, tested, shared), shared
        )
        found[corpus] = {"classes": list(shared), "uar": metrics.uar, "ece": metrics.ece, "n": metrics.decisions}
    return found
