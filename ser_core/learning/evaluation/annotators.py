"""Metrics of human annotators on the model's task: an upper bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa

from ser_core.learning.evaluation.fold_predictions import PREDICTIONS
from ser_core.learning.evaluation.result_rows import ANNOTATORS

MIN_OTHERS = 2
"""At least so many other annotators must agree, so a corpus needs three annotators."""


def annotator_decisions(labels: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """The decision of each annotator against the majority of the others, as rows of `PREDICTIONS`.

    `condition` is `ANNOTATORS`, `speaker` the annotator. `labels` holds the emotion by annotator of each labelled
    stretch, by its name. A decision has a row where at least `MIN_OTHERS` others agree on an emotion, and fewer on any
    other emotion.
    """
    rows = []
    for clip, by_annotator in sorted(labels.items()):
        for annotator, emotion in sorted(by_annotator.items()):
            majority = _majority([label for other, label in by_annotator.items() if other != annotator])
            if majority is not None:
                shared = {"condition": ANNOTATORS, "fold": 0, "clip": clip, "speaker": annotator}
                rows.append({**shared, "truth": majority, "emotion": emotion})
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def _majority(labels: Sequence[str]) -> str | None:
    counts = Counter(labels).most_common(2)
    if not counts or counts[0][1] < MIN_OTHERS or (len(counts) > 1 and counts[1][1] == counts[0][1]):
        return None
    return counts[0][0]
