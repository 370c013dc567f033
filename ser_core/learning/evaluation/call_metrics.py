"""How good the pieces of a timeline are. Pure functions over rows of `timeline.PREDICTIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ser_core.data.tables.schemas import probability
from ser_core.emotions import AFFECT, EMOTIONS

QUARTERS = 4
_CALL = ["condition", "fold", "call"]

Pieces: TypeAlias = pd.DataFrame


@dataclass(frozen=True)
class CallFigures:
    """Figures over the pieces of one or many calls; None where there is nothing to measure.

    `segment_uar` is the mean over the emotions that occur of `recall`: the share of an emotion's speech, by duration,
    that a segment of that emotion covers. What no segment covers, or one without an emotion, counts as wrong.
    `call_accuracy` is the share of calls whose longest emotion is named the longest. `trend_correlation` is Pearson's,
    of predicted with true valence over quarters of calls, both as differences from their call's mean, so that only the
    course within a call counts. `speech_recall` is the share of speech within segments, `silence_kept` the share of
    the rest of the call within segments. `boundary_error_ms` is the median distance from an utterance's start to the
    nearest segment's start, and from its end to the nearest end, of utterances that any segment touches.
    """

    calls: int
    speech_s: float
    segment_uar: float | None
    recall: Mapping[str, float | None]
    call_accuracy: float | None
    trend_correlation: float | None
    speech_recall: float | None
    silence_kept: float | None
    boundary_error_ms: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def figures(pieces: Pieces) -> CallFigures:
    """The figures of `pieces`, the rows of whole calls."""
    data = pieces.assign(duration=pieces["end_s"] - pieces["start_s"])
    said, rest = data[data["truth"].notna()], data[data["truth"].isna()]
    recall = recalls(data)
    found = [value for value in recall.values() if value is not None]
    return CallFigures(
        calls=len(data[_CALL].drop_duplicates()),
        speech_s=float(said["duration"].sum()),
        segment_uar=float(np.mean(found)) if found else None,
        recall=recall,
        call_accuracy=call_accuracy(data),
        trend_correlation=trend_correlation(data),
        speech_recall=_share(said["segment"].notna(), said["duration"]),
        silence_kept=_share(rest["segment"].notna(), rest["duration"]),
        boundary_error_ms=boundary_error_ms(data),
    )


def recalls(data: Pieces) -> dict[str, float | None]:
    """By emotion, the share of its speech that was named so; None where there is none."""
    said = data[data["truth"].notna()]
    found: dict[str, float | None] = {}
    for emotion in EMOTIONS:
        own = said[said["truth"] == emotion]
        found[emotion] = _share(own["emotion"] == emotion, own["duration"])
    return found


def call_accuracy(data: Pieces) -> float | None:
    """The share of calls with speech whose emotion of the longest duration is right."""
    right = [
        _longest(call, "truth") == _longest(call, "emotion")
        for _, call in data.groupby(_CALL, sort=False)
        if call["truth"].notna().any()
    ]
    return float(np.mean(right)) if right else None


def _longest(call: Pieces, column: str) -> str | None:
    durations = call.groupby(column)["duration"].sum()
    return max(sorted(durations.index), key=lambda name: round(float(durations[name]), 9)) if len(durations) else None


def trend_correlation(data: Pieces) -> float | None:
    """Pearson's correlation of predicted with true valence over quarters, within calls; see `CallFigures`.

    Quarters are of the time from the first utterance's start to the last one's end. One in which nobody spoke or
    nothing was heard is left out.
    """
    columns = [probability(name) for name in EMOTIONS]
    coordinates = np.array([AFFECT[name].valence for name in EMOTIONS])
    posteriors = data[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    predicted = np.where(data["emotion"].notna(), np.nansum(posteriors * coordinates, axis=1), np.nan)
    true = data["truth"].map({name: affect.valence for name, affect in AFFECT.items()}).to_numpy(dtype=np.float64)
    valued = data.assign(predicted=predicted, true=true)
    pairs = [pair for _, call in valued.groupby(_CALL, sort=False) for pair in _centred_quarters(call)]
    if not pairs:
        return None
    x, y = np.array(pairs).T
    if not x.any() or not y.any():
        return None
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def _centred_quarters(call: Pieces) -> list[tuple[float, float]]:
    """(predicted, true) valence of a call's quarters, each less its mean over them."""
    said = call[call["truth"].notna()]
    if said.empty:
        return []
    first, last = said["start_s"].min(), said["end_s"].max()
    middle = (call["start_s"] + call["end_s"]) / 2
    quarter = np.floor(QUARTERS * (middle - first) / (last - first))
    found = []
    for number in range(QUARTERS):
        inside = call[quarter == number]
        means = [_mean(inside[name], inside["duration"]) for name in ("predicted", "true")]
        if means[0] is not None and means[1] is not None:
            found.append(means)
    if len(found) < 2:
        return []
    values = np.array(found, dtype=np.float64)
    return [(float(x), float(y)) for x, y in values - values.mean(axis=0)]


def boundary_error_ms(data: Pieces) -> float | None:
    """Median distance of utterances' boundaries from segments', in milliseconds; see `CallFigures`."""
    errors: list[float] = []
    for _, call in data.groupby(_CALL, sort=False):
        utterances, segments = (_spans(call, name) for name in ("utterance", "segment"))
        if not len(segments):
            continue
        touched = call[call["segment"].notna() & call["utterance"].notna()]["utterance"].unique()
        for column in ("start_s", "end_s"):
            edges = segments[column].to_numpy()
            errors += [float(np.abs(edges - at).min()) for at in utterances.loc[touched, column]]
    return 1000 * float(np.median(errors)) if errors else None


def _spans(call: Pieces, column: str) -> Pieces:
    return call[call[column].notna()].groupby(column).agg(start_s=("start_s", "min"), end_s=("end_s", "max"))


def _share(which: Any, duration: Any) -> float | None:
    total = float(duration.sum())
    return float(duration[which].sum()) / total if total > 0 else None


def _mean(values: Any, weights: Any) -> float | None:
    known = values.notna()
    total = float(weights[known].sum())
    return float((values[known] * weights[known]).sum()) / total if total > 0 else None
