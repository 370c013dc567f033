"""A date of scores compared with earlier dates, and with another model's scores of the same date."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_core.config.drift_settings import DriftSettings, Limits
from ser_core.scoring.drift import (
    Counts,
    difference_at_least,
    distance_to_training,
    factor_at_least,
    in_groups,
    mean_by_chance,
    psi_by_chance,
    psi_of_counts,
    share_at_least,
)
from ser_core.scoring.profile import NO_EMOTION, Profile, mean_familiarity

OF_MODEL = "model_"
"""How the names of measures between two models begin."""

_WORST = 3
_SAME_WEEKDAY = 3


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
    """The verdict on a date.

    Attributes:
        call_date: the date.
        days: number of published dates that it was compared with.
        measures: by name.
        distance_to_training: of the features, in training deviations.
        refused: names of the measures for which it is not published.
    """

    call_date: dt.date
    days: int
    measures: Mapping[str, Measure]
    distance_to_training: float | None
    refused: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """`ok`, `warned` or `refused`."""
        beyond = any(measure.verdict != "ok" for measure in self.measures.values())
        return "refused" if self.refused else "warned" if beyond else "ok"

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


def judge(
    now: Profile, before: Sequence[Profile], settings: DriftSettings, other: Profile | None = None, days: int = 0
) -> Verdict:
    """Compares a date with published dates of the same model, and its first scores with those of another model.

    It is never refused for a comparison with fewer than `drift.min_days` dates, nor where `drift.action` is `warn`.

    Args:
        now: the date's scores.
        before: published dates of the same model.
        settings: limits.
        other: scores of the same date by the model that has published it, if only another one has.
        days: how many dates that model has published.
    """
    own = {
        "quarantine_share": Measure(share_at_least(now.refused, now.recordings), settings.quarantine_share),
        **(_compared(now, before, settings) if before and now.segments else {}),
    }
    between = _between_models(now, other, settings) if other is not None and now.segments and other.segments else {}
    groups = ((own, len(before)), (between, days))
    refused = [name for group, enough in groups if enough >= settings.min_days for name in _refused(group)]
    histograms = np.array(list(now.features.values()), dtype=np.int64)
    distance = distance_to_training(histograms)
    kept = refused if settings.action == "refuse" else ()
    return Verdict(now.call_date, len(before), {**own, **between}, distance, kept)


def _refused(measures: Mapping[str, Measure]) -> list[str]:
    return [name for name, measure in measures.items() if measure.verdict == "refused"]


def _between_models(now: Profile, other: Profile, settings: DriftSettings) -> dict[str, Measure]:
    """Two models' scores of one date. Both have the same segments, so that chance is that of segments, not of calls."""
    segments = (other.segments, now.segments)
    decided = [{name: count for name, count in each.labels.items() if name != NO_EMOTION} for each in (other, now)]
    was, is_now = (each.labels.get(NO_EMOTION, 0) for each in (other, now))
    difference = difference_at_least(was, other.segments, is_now, now.segments)
    shares = f"{was / other.segments:.0%} → {is_now / now.segments:.0%}"
    confidence, confidence_now = (np.array(each.confidence, dtype=np.int64) for each in (other, now))
    measures = {
        "confidence_psi": _measure(confidence, confidence_now, settings.model_confidence_psi, segments),
        "undecided": Measure(difference, settings.model_undecided, about=shares),
    }
    if any(decided):
        measures["label_psi"] = _named(decided[:1], decided[1], settings.model_label_psi, segments)
    return {f"{OF_MODEL}{name}": measure for name, measure in measures.items()}


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
        **_familiarity(now, before, settings.familiarity_drop),
    }


def _usual_calls(date: dt.date, before: Sequence[Profile]) -> float:
    """The median of the same weekday, or of all days where that weekday has too few."""
    same = [day.calls for day in before if day.call_date.weekday() == date.weekday()]
    return float(statistics.median(same if len(same) >= _SAME_WEEKDAY else [day.calls for day in before]))


def _familiarity(now: Profile, before: Sequence[Profile], limits: Limits) -> dict[str, Measure]:
    """How far the mean familiarity has fallen; nothing where it is not known."""
    known = [day for day in before if day.familiarity is not None]
    usual = mean_familiarity(known)
    if usual is None or now.familiarity is None:
        return {}
    chance = mean_by_chance(1.0, sum(day.calls for day in known), now.calls)
    about = f"{usual:.2f} → {now.familiarity:.2f}"
    return {"familiarity_drop": Measure(max(0.0, usual - now.familiarity), limits, chance, about)}


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
