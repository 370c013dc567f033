"""The profile of a date of scores: counts by which dates and models are compared."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

CONFIDENCE_BINS = 10
PROFILED_FEATURES = 32
"""Features whose histograms are kept."""
NO_EMOTION = "undecided"
"""The label of a segment without an emotion, in the counts."""


@dataclass(frozen=True)
class Profile:
    """Counts of one date and model, none of which identifies a call.

    Attributes:
        call_date: the date.
        calls: with a scored channel.
        recordings: in the archive.
        refused: recordings in quarantine.
        segments: scored.
        labels: segments by emotion; `NO_EMOTION` where a segment has none.
        confidence: segments by confidence, ten bins of 0.1.
        codecs: channels by codec.
        familiarity: the mean of the segments; None where there is none, and in profiles of before it was measured.
        features: histogram by feature name, as `feature_histograms` gives them.
    """

    call_date: dt.date
    calls: int = 0
    recordings: int = 0
    refused: int = 0
    segments: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    confidence: Sequence[int] = ()
    codecs: Mapping[str, int] = field(default_factory=dict)
    familiarity: float | None = None
    features: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """As it is stored beside the date."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps({**values, "call_date": self.call_date.isoformat()}).encode()

    @classmethod
    def of_json(cls, data: bytes) -> Profile:
        """What `to_json` wrote."""
        values = json.loads(data)
        return cls(**{**values, "call_date": dt.date.fromisoformat(values["call_date"])})


def added(a: Profile, b: Profile) -> Profile:
    """The sum of two tasks' profiles of the same date."""
    sums = {name: (np.array(a.features[name]) + counts).tolist() for name, counts in b.features.items() if a.features}
    return replace(
        a,
        segments=a.segments + b.segments,
        labels=dict(Counter(a.labels) + Counter(b.labels)),
        confidence=(np.array(a.confidence) + np.array(b.confidence)).tolist(),
        familiarity=mean_familiarity((a, b)),
        features=sums or b.features,
    )


def mean_familiarity(profiles: Iterable[Profile]) -> float | None:
    """The mean over the segments of several profiles; None where none has it."""
    known = [(each.familiarity, each.segments) for each in profiles if each.familiarity is not None and each.segments]
    segments = sum(count for _, count in known)
    return sum(mean * count for mean, count in known) / segments if segments else None
