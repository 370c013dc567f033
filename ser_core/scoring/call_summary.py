"""The segments of one voice in one call → one summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_core.scoring.segment_scores import UNDECIDED, Floats, HeardAffect, score_segments

QUARTERS = 4
NEGATIVE_VALENCE = -0.2
"""A segment with a lower valence is negative."""
BRIDGED_GAP_S = 3.0
"""Negative segments with at most this gap between them, in seconds, are one stretch."""
ESCALATION_VALENCE = -0.3
ESCALATION_AROUSAL = 0.15
"""A call escalated where valence changed by at most `ESCALATION_VALENCE` and arousal by at least `ESCALATION_AROUSAL`:
towards angry, not towards sad."""
LOW_VALENCE = -0.25
RECOVERED_VALENCE = -0.05
"""A call recovered where a quarter's mean valence was at most `LOW_VALENCE`, and the last quarter with speech has at
least `RECOVERED_VALENCE`."""

Quarters = tuple[float | None, float | None, float | None, float | None]


@dataclass(frozen=True)
class CallSummary:
    """One voice in one call. Means are weighted by the segments' durations.

    - `shares`: of decided speech time, for every class; empty where no segment is decided. `undecided_s` is the rest of
      `speech_s`, in seconds.
    - `dominant_emotion`: the class with the largest share; of equal shares, with the larger mean posterior.
      `confidence` is its mean posterior over all segments. Both are None where no segment is decided.
    - `valence`, `arousal`: of all segments, decided or not.
    - `valence_quarters`, `arousal_quarters`: means over quarters of the time from the first segment's start to the last
      one's end, None without a segment. A segment belongs to the quarter of its middle.
    - `valence_change`, `arousal_change`: the last quarter with speech less the first; None where they are the same.
    - `longest_negative_s`: the longest stretch of consecutive segments below `NEGATIVE_VALENCE`, from the first one's
      start to the last one's end, with gaps up to `BRIDGED_GAP_S`.
    - `escalated`, `recovered`: see `ESCALATION_VALENCE` and `RECOVERED_VALENCE`.
    """

    segments: int
    speech_s: float
    undecided_s: float
    shares: dict[str, float]
    dominant_emotion: str | None
    confidence: float | None
    valence: float
    arousal: float
    valence_quarters: Quarters
    arousal_quarters: Quarters
    valence_change: float | None
    arousal_change: float | None
    longest_negative_s: float
    escalated: bool
    recovered: bool


def summarise_call(
    start_s: Floats,
    end_s: Floats,
    posteriors: Floats,
    classes: Sequence[str],
    min_confidence: float,
    affect: HeardAffect | None = None,
) -> CallSummary:
    """Summarises n segments, in any order: `start_s` and `end_s` (n,) in seconds, `posteriors` (n, classes).

    A segment below `min_confidence` is undecided (`score_segments`). `affect`, where given, replaces valence and
    arousal of the posteriors: what is heard (`heard_affect`), with the words' valence in it (`fuse_valence`).

    Raises:
        ValueError: there is no segment, one has no duration, or shapes do not fit.
    """
    if not len(start_s) or start_s.shape != end_s.shape or len(posteriors) != len(start_s):
        raise ValueError(f"start_s {start_s.shape}, end_s {end_s.shape}, posteriors {posteriors.shape} do not fit")
    if not (end_s > start_s).all():
        raise ValueError("a segment ends before it starts; expected end_s > start_s")
    for name, given in affect._asdict().items() if affect is not None else ():
        if given.shape != start_s.shape:
            raise ValueError(f"{name} has the shape {given.shape}; expected {start_s.shape}")
    order = np.lexsort((end_s, start_s))
    start, end = (np.asarray(times, dtype=np.float64)[order] for times in (start_s, end_s))
    posteriors = np.asarray(posteriors, dtype=np.float64)[order]
    scores = score_segments(posteriors, classes, min_confidence)
    valence, arousal = (
        (scores.valence, scores.arousal)
        if affect is None
        else (np.asarray(values, dtype=np.float64)[order] for values in affect)
    )
    duration = end - start
    shares, dominant, confidence = _decided(scores.emotion, posteriors, duration, classes)
    quarter = _quarter(start, end)
    valences = _quarters(valence, duration, quarter)
    arousals = _quarters(arousal, duration, quarter)
    valence_change, arousal_change = _change(valences), _change(arousals)
    return CallSummary(
        segments=len(start),
        speech_s=float(duration.sum()),
        undecided_s=float(duration[scores.emotion == UNDECIDED].sum()),
        shares=shares,
        dominant_emotion=dominant,
        confidence=confidence,
        valence=float(np.average(valence, weights=duration)),
        arousal=float(np.average(arousal, weights=duration)),
        valence_quarters=valences,
        arousal_quarters=arousals,
        valence_change=valence_change,
        arousal_change=arousal_change,
        longest_negative_s=longest_negative_s(start, end, valence),
        escalated=_escalated(valence_change, arousal_change),
        recovered=_recovered(valences),
    )


def _decided(
    emotion: npt.NDArray[np.intp], posteriors: Floats, duration: Floats, classes: Sequence[str]
) -> tuple[dict[str, float], str | None, float | None]:
    """Shares, dominant emotion and its confidence."""
    known = emotion != UNDECIDED
    if not known.any():
        return {}, None, None
    shares = np.bincount(emotion[known], duration[known], len(classes)) / duration[known].sum()
    mean = np.average(posteriors, axis=0, weights=duration)
    dominant = max(range(len(classes)), key=lambda i: (round(float(shares[i]), 9), mean[i]))
    return dict(zip(classes, shares.tolist(), strict=True)), classes[dominant], float(mean[dominant])


def longest_negative_s(start: Floats, end: Floats, valence: Floats) -> float:
    """The longest negative stretch in seconds, 0 where there is none; segments (n,) sorted by `start`."""
    longest = 0.0
    begin = reach = None
    for s, e, negative in zip(start.tolist(), end.tolist(), (valence < NEGATIVE_VALENCE).tolist(), strict=True):
        if not negative:
            begin = reach = None
            continue
        if begin is None or reach is None or s - reach > BRIDGED_GAP_S:
            begin = reach = s
        reach = max(reach, e)
        longest = max(longest, reach - begin)
    return longest


def _quarter(start: Floats, end: Floats) -> npt.NDArray[np.intp]:
    """The quarter (0 to 3) of each segment's middle."""
    first, last = start.min(), end.max()
    position = (0.5 * (start + end) - first) / (last - first)
    quarter: npt.NDArray[np.intp] = np.minimum((QUARTERS * position).astype(np.intp), QUARTERS - 1)
    return quarter


def _quarters(values: Floats, duration: Floats, quarter: npt.NDArray[np.intp]) -> Quarters:
    a, b, c, d = (
        float(np.average(values[quarter == i], weights=duration[quarter == i])) if (quarter == i).any() else None
        for i in range(QUARTERS)
    )
    return a, b, c, d


def _change(quarters: Quarters) -> float | None:
    known = [value for value in quarters if value is not None]
    return known[-1] - known[0] if len(known) > 1 else None


def _escalated(valence_change: float | None, arousal_change: float | None) -> bool:
    if valence_change is None or arousal_change is None:
        return False
    return valence_change <= ESCALATION_VALENCE and arousal_change >= ESCALATION_AROUSAL


def _recovered(valence: Quarters) -> bool:
    known = [value for value in valence if value is not None]
    return min(known) <= LOW_VALENCE and known[-1] >= RECOVERED_VALENCE
