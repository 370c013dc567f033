"""One channel of a call as pieces of time, each with its truth and its prediction.

The pieces are cut at every boundary of an utterance or a segment and cover the whole call. All metrics of
`ser_core.learning.evaluation.call_metrics` are computed from them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pyarrow as pa

from ser_core.data.tables.schemas import probability
from ser_core.emotions import EMOTIONS

UNNORMALISED = "_unnormalised"
PREDICTIONS = pa.schema(
    [
        ("condition", pa.string()),
        ("fold", pa.int32()),
        ("call", pa.string()),
        ("utterance", pa.int32()),
        ("segment", pa.int32()),
        ("speaker", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("truth", pa.string()),
        ("emotion", pa.string()),
        *((probability(emotion), pa.float32()) for emotion in EMOTIONS),
    ]
)
"""`condition` ends in `UNNORMALISED` where the model does not normalise speakers. `truth` and `utterance` are null
outside of utterances, `segment` outside of segments, `emotion` also where the model is undecided."""


class Spoken(NamedTuple):
    """An utterance of the truth, in seconds of the call."""

    start_s: float
    end_s: float
    emotion: str


class ScoredSegment(NamedTuple):
    """A scored segment, in seconds of the call; `emotion` is None where undecided; `posteriors` are by emotion."""

    segment: int
    start_s: float
    end_s: float
    emotion: str | None
    posteriors: Mapping[str, float | None]


def timeline(spoken: Sequence[Spoken], scored: Sequence[ScoredSegment], duration_s: float) -> list[dict[str, Any]]:
    """Rows of `PREDICTIONS` without the columns of the whole call, in order of time, from 0 to `duration_s` seconds.

    Where utterances or segments overlap, the earlier one counts. Times outside the call are cut off.

    Raises:
        ValueError: an utterance or segment has no duration.
    """
    spans = [(utterance.start_s, utterance.end_s) for utterance in spoken]
    spans += [(segment.start_s, segment.end_s) for segment in scored]
    for start_s, end_s in spans:
        if not start_s < end_s:
            raise ValueError(f"{start_s} to {end_s} s has no duration; expected start_s < end_s")
    utterances = sorted(enumerate(spoken), key=lambda pair: pair[1][:2])
    segments = sorted(scored, key=lambda segment: (segment.start_s, segment.end_s))
    cuts = {0.0, duration_s, *(time for span in spans for time in span)}
    inside = sorted(cut for cut in cuts if 0.0 <= cut <= duration_s)
    rows = []
    for start_s, end_s in pairwise(inside):
        middle = (start_s + end_s) / 2
        number, utterance = next((at for at in utterances if at[1].start_s <= middle < at[1].end_s), (None, None))
        segment = next((at for at in segments if at.start_s <= middle < at.end_s), None)
        row: dict[str, Any] = {"start_s": start_s, "end_s": end_s, "utterance": number}
        row["truth"] = utterance.emotion if utterance else None
        if segment is not None:
            row |= {"segment": segment.segment, "emotion": segment.emotion}
            row |= {probability(name): value for name, value in segment.posteriors.items()}
        rows.append(row)
    return rows
