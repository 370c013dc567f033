"""Metrics of predictions on whole calls. Pure functions of rows of `timeline.PREDICTIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ser_core.data.tables.schemas import probability
from ser_core.emotions import AFFECT, EMOTIONS
from ser_core.learning.evaluation.timeline import UNNORMALISED
from ser_core.learning.training.metrics import recall, unweighted_average_recall

QUARTERS = 4
_CALL = ["condition", "fold", "call"]
_SUMMARY = ("call_accuracy", "trend_correlation", "speech_recall", "silence_kept", "boundary_error_ms")

Pieces: TypeAlias = pd.DataFrame


@dataclass(frozen=True)
class CallMetrics:
    """Metrics of the pieces of one or many calls; None where there is nothing to measure.

    - `recall`: by emotion, the share of its speech, by duration, in segments of that emotion. Speech that no segment
      covers, or one without an emotion, counts as wrong. `segment_uar` is its unweighted average.
    - `call_accuracy`: the share of calls with speech whose emotion of the longest duration is right.
    - `trend_correlation`: Pearson's, of predicted with true valence over quarters of calls. Both are differences from
      the call's mean, so that only the course within a call counts.
    - `speech_recall`, `silence_kept`: the share of speech, and of the rest of the call, within segments.
    - `boundary_error_ms`: the median distance from an utterance's start to the nearest segment's start, and from its
      end to the nearest end, of utterances that any segment overlaps.
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


def summarise_calls(predictions: pa.Table) -> dict[str, Any]:
    """Metrics of rows of `timeline.PREDICTIONS`, which hold the condition `line`.

    Returns:
        `segment_uar`, `segment_uar_clean` and `segment_uar_skewed`, and the other metrics of the condition `line`, all
        with speaker normalisation; `conditions` holds every metric of each condition, `without_normalisation` the
        same of the models without it.
    """
    by_condition = predictions.to_pandas().groupby("condition", sort=False)
    metrics = {str(name): measure_calls(rows).to_json() for name, rows in by_condition}
    normalised = {name: values for name, values in metrics.items() if not name.endswith(UNNORMALISED)}
    plain = {name.removesuffix(UNNORMALISED): values for name, values in metrics.items() if name not in normalised}
    line = normalised["line"]
    summary = {"segment_uar": line["segment_uar"]}
    summary |= {f"segment_uar_{name}": row["segment_uar"] for name, row in normalised.items() if name != "line"}
    summary |= {name: line[name] for name in _SUMMARY}
    return {**summary, "conditions": normalised, "without_normalisation": plain}


def measure_calls(pieces: Pieces) -> CallMetrics:
    """The metrics of `pieces`, the rows of whole calls."""
    data = pieces.assign(duration=pieces["end_s"] - pieces["start_s"])
    speech, rest = data[data["truth"].notna()], data[data["truth"].isna()]
    right, support = _seconds_by_emotion(speech)
    recalls = zip(EMOTIONS, recall(right, support).tolist(), support.tolist(), strict=True)
    return CallMetrics(
        calls=len(data[_CALL].drop_duplicates()),
        speech_s=float(speech["duration"].sum()),
        segment_uar=float(unweighted_average_recall(right, support)) if support.any() else None,
        recall={name: value if seconds > 0 else None for name, value, seconds in recalls},
        call_accuracy=call_accuracy(data),
        trend_correlation=trend_correlation(data),
        speech_recall=_share(speech["segment"].notna(), speech["duration"]),
        silence_kept=_share(rest["segment"].notna(), rest["duration"]),
        boundary_error_ms=boundary_error_ms(data),
    )


def _seconds_by_emotion(speech: Pieces) -> npt.NDArray[np.float64]:
    """Seconds of speech of each true emotion, (2, emotions): rightly predicted, and all."""
    own = [speech[speech["truth"] == emotion] for emotion in EMOTIONS]
    right = [rows["duration"][rows["emotion"] == rows["truth"]].sum() for rows in own]
    return np.array([right, [rows["duration"].sum() for rows in own]], dtype=np.float64)


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
    """Pearson's correlation of predicted with true valence over quarters, within calls; see `CallMetrics`.

    Quarters are of the time from the first utterance's start to the last one's end. A quarter without speech, or
    without predictions, is left out.
    """
    columns = [probability(name) for name in EMOTIONS]
    coordinates = np.array([AFFECT[name].valence for name in EMOTIONS])
    posteriors = data[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    predicted = np.where(data["emotion"].notna(), np.nansum(posteriors * coordinates, axis=1), np.nan)
    true = data["truth"].map({name: affect.valence for name, affect in AFFECT.items()}).to_numpy(dtype=np.float64)
    valence = data.assign(predicted=predicted, true=true)
    pairs = [pair for _, call in valence.groupby(_CALL, sort=False) for pair in _centred_quarters(call)]
    if not pairs:
        return None
    x, y = np.array(pairs).T
    if not x.any() or not y.any():
        return None
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def _centred_quarters(call: Pieces) -> list[tuple[float, float]]:
    """(predicted, true) valence of a call's quarters, each less its mean over them."""
    speech = call[call["truth"].notna()]
    if speech.empty:
        return []
    first, last = speech["start_s"].min(), speech["end_s"].max()
    middle = (call["start_s"] + call["end_s"]) / 2
    quarter = np.floor(QUARTERS * (middle - first) / (last - first))
    pairs = []
    for number in range(QUARTERS):
        inside = call[quarter == number]
        means = [_mean(inside[name], inside["duration"]) for name in ("predicted", "true")]
        if means[0] is not None and means[1] is not None:
            pairs.append(means)
    if len(pairs) < 2:
        return []
    values = np.array(pairs, dtype=np.float64)
    return [(float(x), float(y)) for x, y in values - values.mean(axis=0)]


def boundary_error_ms(data: Pieces) -> float | None:
    """Median distance of utterances' boundaries from segments', in milliseconds; see `CallMetrics`."""
    errors: list[float] = []
    for _, call in data.groupby(_CALL, sort=False):
        utterances, segments = (_spans(call, name) for name in ("utterance", "segment"))
        if not len(segments):
            continue
        overlapped = call[call["segment"].notna() & call["utterance"].notna()]["utterance"].unique()
        for column in ("start_s", "end_s"):
            edges = segments[column].to_numpy()
            errors += [float(np.abs(edges - at).min()) for at in utterances.loc[overlapped, column]]
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
