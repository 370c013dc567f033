"""What a date of scores looks like in a few numbers, and how that is judged against the dates before it."""

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
    psi,
    psi_by_chance,
    share_at_least,
)

CONFIDENCE_BINS = 10
FEATURES_TOLD = 32
"""Features whose histograms are kept."""
_WORST = 3
_SAME_WEEKDAY = 3


@dataclass(frozen=True)
class Profile:
    """Counts of one date and model. Holds nothing of a single call.

    Attributes:
        call_date: the date.
        calls: with a channel that was scored.
        recordings: in the archive.
        refused: of them, those that stand in quarantine.
        segments: scored.
        labels: segments by emotion; `undecided` where a segment has none.
        confidence: segments by confidence, ten bins of 0.1.
        codecs: channels by codec.
        features: histogram by feature name, as `feature_histograms`.
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
        """As it is kept beside the date."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps({**values, "call_date": self.call_date.isoformat()}).encode()

    @classmethod
    def of_json(cls, data: bytes) -> Profile:
        """What `to_json` wrote."""
        values = json.loads(data)
        return cls(**{**values, "call_date": dt.date.fromisoformat(values["call_date"])})


def added(a: Profile, b: Profile) -> Profile:
    """What two tasks hold of the same date, together."""
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
    """One comparison: its value, the limits it was held against, and what chance may do where it is known."""

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
    """How a date was judged. `days` are the published dates it was held against."""

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
            "beyond": [name for name, one in self.measures.items() if one.verdict != "ok"],
            "distance_to_training": None if self.distance_to_training is None else round(self.distance_to_training, 3),
            **{name: round(one.value, 4) for name, one in self.measures.items()},
        }

    def __str__(self) -> str:
        return ", ".join(f"{name} {one}" for name, one in self.measures.items() if one.verdict != "ok") or "as usual"


def judge(now: Profile, before: Sequence[Profile], settings: DriftSettings) -> Verdict:
    """Holds a date against published dates of the same model. Of fewer than `drift.min_days`, and where `drift.action`
    is `warn`, it is never refused."""
    measures = {
        "quarantine_share": Measure(share_at_least(now.refused, now.recordings), settings.quarantine_share),
        **(_compared(now, before, settings) if before and now.segments else {}),
    }
    verdicts = {one.verdict for one in measures.values()}
    worst = next((word for word in ("refused", "warned") if word in verdicts), "ok")
    if worst == "refused" and (len(before) < settings.min_days or settings.action == "warn"):
        worst = "warned"
    histograms = np.array(list(now.features.values()), dtype=np.int64)
    return Verdict(now.call_date, len(before), measures, distance_to_training(histograms), worst)


def _compared(now: Profile, before: Sequence[Profile], settings: DriftSettings) -> dict[str, Measure]:
    calls = (sum(one.calls for one in before), now.calls)
    usual = _usual_calls(now.call_date, before)
    return {
        "volume_factor": Measure(
            factor_at_least(usual, now.calls), settings.volume_factor, about=f"{now.calls} calls, usually {usual:g}"
        ),
        "label_psi": _named([one.labels for one in before], now.labels, settings.label_psi, calls),
        "confidence_psi": _measure(
            np.sum([one.confidence for one in before], axis=0), np.array(now.confidence), settings.confidence_psi, calls
        ),
        "codec_psi": _named([one.codecs for one in before], now.codecs, settings.codec_psi, calls),
        **_features(now, before, settings.feature_psi, calls),
    }


def _usual_calls(date: dt.date, before: Sequence[Profile]) -> float:
    """The median of the same weekday, or of all days where there are too few of it."""
    same = [one.calls for one in before if one.call_date.weekday() == date.weekday()]
    return float(statistics.median(same if len(same) >= _SAME_WEEKDAY else [one.calls for one in before]))


def _measure(before: Counts, now: Counts, limits: Limits, calls: tuple[int, int], about: str | None = None) -> Measure:
    used = int(np.count_nonzero(before + now))
    return Measure(psi(before, now), limits, psi_by_chance(max(used, 2), *calls), about)


def _named(
    before: Sequence[Mapping[str, int]], now: Mapping[str, int], limits: Limits, calls: tuple[int, int]
) -> Measure:
    total: Counter[str] = Counter()
    for one in before:
        total.update(one)
    names = sorted({*total, *now})
    then, today = (np.array([one.get(name, 0) for name in names], dtype=np.int64) for one in (total, now))
    was, is_now = then / max(1, then.sum()), today / max(1, today.sum())
    most = int(np.abs(is_now - was).argmax())
    return _measure(then, today, limits, calls, f"{names[most]} {was[most]:.0%} → {is_now[most]:.0%}")


def _features(now: Profile, before: Sequence[Profile], limits: Limits, calls: tuple[int, int]) -> dict[str, Measure]:
    """The mean over the features; those that moved most are named."""
    found: dict[str, float] = {}
    bins = 2
    for name, counts in now.features.items():
        there = [one.features[name] for one in before if name in one.features]
        if there:
            pair = in_groups(np.sum(there, axis=0), np.array(counts, dtype=np.int64))
            bins = max(bins, len(pair[0]))
            found[name] = psi(*pair)
    if not found:
        return {}
    worst = sorted(found, key=lambda name: -found[name])[:_WORST]
    about = "most in " + ", ".join(f"{name} {found[name]:.2g}" for name in worst)
    mean = statistics.fmean(found.values())
    return {"feature_psi": Measure(mean, limits, psi_by_chance(bins, *calls), about)}
