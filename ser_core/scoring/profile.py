"""The profile of a date of scores, and its comparison with the profiles of earlier dates."""

from __future__ import annotations

import datetime as dt
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ser_core.config.drift_settings import DriftSettings, Limits
from ser_core.scoring.drift import (
    Counts,
    distance_to_training,
    factor_at_least,
    in_groups,
    psi_by_chance,
    psi_of_counts,
    share_at_least,
)

CONFIDENCE_BINS = 10
PROFILED_FEATURES = 32
"""Features whose histograms are kept."""
_WORST = 3
_SAME_WEEKDAY = 3


@dataclass(frozen=True)
class Profile:
    """Counts of one date and model, none of which identifies a call.

    Attributes:
        call_date: the date.
        calls: with a scored channel.
        recordings: in the archive.
        refused: recordings in quarantine.
        segments: scored.
        labels: segments by emotion; `undecided` where a segment has none.
        confidence: segments by confidence, ten bins of 0.1.
        codecs: channels by codec.
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
        features=sums or b.features,
    )


@dataclass(frozen=True)
class Measure:
    """One comparison: its `value`, its `limits`, and the value that `chance` alone may reach, where known."""

    value: float
    limits: Limits
    chance: float = 0.0
    about: str | None = None

    @property
    def verdict(self) -> str:
        """`ok`, `warned` or `refused`."""
        if self.value > max(self.limits.refuse, self.chance):
            return "refused"
        return "warned" if self.value > max(self.limits.warn, self.chance) else "ok"

    def __str__(self) -> str:
        limit = self.limits.refuse if self.verdict == "refused" else self.limits.warn
        return f"{self.value:.3g} (limit {limit:g}{f'; {self.about}' if self.about else ''})"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a date. `days` is the number of published dates that it was compared with."""

    call_date: dt.date
    days: int
    measures: Mapping[str, Measure]
    distance_to_training: float | None
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `runs` and the log."""
        return {
            "verdict": self.verdict,
            "days": self.days,
            "beyond": [name for name, measure in self.measures.items() if measure.verdict != "ok"],
            "distance_to_training": None if self.distance_to_training is None else round(self.distance_to_training, 3),
            **{name: round(measure.value, 4) for name, measure in self.measures.items()},
        }

    def __str__(self) -> str:
        beyond = (f"{name} {measure}" for name, measure in self.measures.items() if measure.verdict != "ok")
        return ", ".join(beyond) or "as usual"


def judge(now: Profile, before: Sequence[Profile], settings: DriftSettings) -> Verdict:
    """Compares a date with published dates of the same model.

    It is never refused with fewer than `drift.min_days` of them, nor where `drift.action` is `warn`.
    """
    measures = {
        "quarantine_share": Measure(share_at_least(now.refused, now.recordings), settings.quarantine_share),
        **(_compared(now, before, settings) if before and now.segments else {}),
    }
    verdicts = {measure.verdict for measure in measures.values()}
    worst = next((word for word in ("refused", "warned") if word in verdicts), "ok")
    if worst == "refused" and (len(before) < settings.min_days or settings.action == "warn"):
        worst = "warned"
    histograms = np.array(list(now.features.values()), dtype=np.int64)
    return Verdict(now.call_date, len(before), measures, distance_to_training(histograms), worst)


def _compared(now: Profile, before: Sequence[Profile], settings: DriftSettings) -> dict[str, Measure]:
    calls = (sum(day.calls for day in before), now.calls)
    usual = _usual_calls(now.call_date, before)
    return {
        "volume_factor": Measure(
            factor_at_least(usual, now.calls), settings.volume_factor, about=f"{now.calls} calls, usually {usual:g}"
        ),
        "label_psi": _named([day.labels for day in before], now.labels, settings.label_psi, calls),
        "confidence_psi": _measure(
            np.sum([day.confidence for day in before], axis=0), np.array(now.confidence), settings.confidence_psi, calls
        ),
        "codec_psi": _named([day.codecs for day in before], now.codecs, settings.codec_psi, calls),
        **_features(now, before, settings.feature_psi, calls),
    }


def _usual_calls(date: dt.date, before: Sequence[Profile]) -> float:
    """The median of the same weekday, or of all days where that weekday has too few."""
    same = [day.calls for day in before if day.call_date.weekday() == date.weekday()]
    return float(statistics.median(same if len(same) >= _SAME_WEEKDAY else [day.calls for day in before]))


def _measure(before: Counts, now: Counts, limits: Limits, calls: tuple[int, int], about: str | None = None) -> Measure:
    used = int(np.count_nonzero(before + now))
    return Measure(psi_of_counts(before, now), limits, psi_by_chance(max(used, 2), *calls), about)


def _named(
    before: Sequence[Mapping[str, int]], now: Mapping[str, int], limits: Limits, calls: tuple[int, int]
) -> Measure:
    total: Counter[str] = Counter()
    for counts in before:
        total.update(counts)
    names = sorted({*total, *now})
    then, today = (np.array([counts.get(name, 0) for name in names], dtype=np.int64) for counts in (total, now))
    was, is_now = then / max(1, then.sum()), today / max(1, today.sum())
    most = int(np.abs(is_now - was).argmax())
    return _measure(then, today, limits, calls, f"{names[most]} {was[most]:.0%} → {is_now[most]:.0%}")


def _features(now: Profile, before: Sequence[Profile], limits: Limits, calls: tuple[int, int]) -> dict[str, Measure]:
    """The mean PSI over the features; the message names those with the largest."""
    values: dict[str, float] = {}
    bins = 2
    for name, counts in now.features.items():
        earlier = [day.features[name] for day in before if name in day.features]
        if earlier:
            pair = in_groups(np.sum(earlier, axis=0), np.array(counts, dtype=np.int64))
            bins = max(bins, len(pair[0]))
            values[name] = psi_of_counts(*pair)
    if not values:
        return {}
    worst = sorted(values, key=lambda name: -values[name])[:_WORST]
    about = "most in " + ", ".join(f"{name} {values[name]:.2g}" for name in worst)
    mean = statistics.fmean(values.values())
    return {"feature_psi": Measure(mean, limits, psi_by_chance(bins, *calls), about)}
