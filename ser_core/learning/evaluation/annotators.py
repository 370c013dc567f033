"""How well people do who hear what the model hears: a ceiling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa

from ser_core.learning.evaluation.fold_predictions import PREDICTIONS
from ser_core.learning.evaluation.result_rows import ANNOTATORS

LEAST_OTHERS = 2
"""So many others have to agree; a corpus needs three annotators or more."""


def annotator_decisions(heard: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """Rows of `PREDICTIONS`, of the condition `ANNOTATORS`: what each annotator said, against the majority of the
    others. `speaker` is the annotator.

    `heard` holds the emotion by annotator of each labelled stretch, by its name. One counts where `LEAST_OTHERS`
    others or more agree on an emotion, and on no other as many.
    """
    rows = []
    for clip, by_annotator in sorted(heard.items()):
        for annotator, emotion in sorted(by_annotator.items()):
            majority = _majority([said for other, said in by_annotator.items() if other != annotator])
            if majority is not None:
                shared = {"condition": ANNOTATORS, "fold": 0, "clip": clip, "speaker": annotator}
                rows.append({**shared, "truth": majority, "emotion": emotion})
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def _majority(said: Sequence[str]) -> str | None:
    counts = Counter(said).most_common(2)
    if not counts or counts[0][1] < LEAST_OTHERS or (len(counts) > 1 and counts[1][1] == counts[0][1]):
        return None
    return counts[0][0]
