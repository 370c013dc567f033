"""Dates against the dates before them: who is warned of, who is held back, who is let through."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.drift_settings import DriftSettings
from ser_core.scoring.drift import BINS
from ser_core.scoring.profile import NO_EMOTION, Profile, added
from ser_core.scoring.verdict import judge

TODAY = dt.date(2026, 3, 30)
SETTINGS = load_settings(environ={}).drift


def profile(date: dt.date, seed: int = 0, calls: int = 800, **changes: Any) -> Profile:
    """A usual date: 800 calls of 20 segments each."""
    rng = np.random.default_rng(seed)
    labels = rng.multinomial(calls * 20, [0.7, 0.1, 0.2])
    middle = np.exp(-0.5 * ((np.arange(BINS) - BINS / 2) / 4) ** 2)
    features = {f"f{n}": rng.multinomial(calls * 20, middle / middle.sum()).tolist() for n in range(5)}
    usual = Profile(
        date,
        calls=calls,
        recordings=calls,
        refused=calls // 200,
        segments=calls * 20,
        labels=dict(zip(("neutral", "angry", "sad"), labels.tolist(), strict=True)),
        confidence=rng.multinomial(calls * 20, np.arange(1, 11) / 55).tolist(),
        codecs={"pcm_alaw": calls, "opus": calls // 4},
        familiarity=0.8,
        features=features,
    )
    return replace(usual, **changes)


def days(count: int) -> list[Profile]:
    return [profile(TODAY - dt.timedelta(days=count - n), seed=n + 1) for n in range(count)]


SHIFTS: Mapping[str, Mapping[str, Any]] = {
    "quarantine_share": {"refused": 700},
    "volume_factor": {"calls": 20, "recordings": 20, "refused": 0},
    "label_psi": {"labels": {"neutral": 2000, "angry": 12000, "sad": 2000}},
    "confidence_psi": {"confidence": [16000, *[0] * 9]},
    "familiarity_drop": {"familiarity": 0.3},
    "codec_psi": {"codecs": {"gsm": 1000}},
    "feature_psi": {"features": {f"f{n}": [16000, *[0] * (BINS - 1)] for n in range(5)}},
}


def test_a_usual_date_passes() -> None:
    verdict = judge(profile(TODAY), days(28), SETTINGS)
    assert (verdict.verdict, verdict.days, str(verdict)) == ("ok", 28, "as usual")
    assert set(verdict.to_json()) > set(SHIFTS)


@pytest.mark.parametrize("name", SHIFTS)
def test_each_shift_is_refused_by_its_own_measure(name: str) -> None:
    verdict = judge(profile(TODAY, **SHIFTS[name]), days(28), SETTINGS)
    assert verdict.verdict == "refused"
    assert verdict.to_json()["beyond"] == [name]
    assert name in str(verdict)


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.parametrize("few", [0, 6])
def test_of_few_dates_nothing_is_refused(name: str, few: int) -> None:
    expected = (
        "warned" if few or name == "quarantine_share" else "ok"
    )  # without a date there is nothing to compare with
    assert judge(profile(TODAY, **SHIFTS[name]), days(few), SETTINGS).verdict == expected


def test_warn_alone_publishes() -> None:
    settings = SETTINGS.model_copy(update={"action": "warn"})
    assert judge(profile(TODAY, **SHIFTS["label_psi"]), days(28), settings).verdict == "warned"


def test_a_few_calls_may_differ_by_chance() -> None:
    small = [profile(TODAY - dt.timedelta(days=n + 1), n, calls=4) for n in range(28)]
    odd = {"labels": {"neutral": 20, "angry": 45, "sad": 15}, "confidence": [8] * 10, "refused": 2}
    assert judge(profile(TODAY, **odd), days(28), SETTINGS).verdict == "refused"
    assert judge(profile(TODAY, calls=4, **odd), small, SETTINGS).verdict == "ok"


def test_volume_is_that_of_the_weekday() -> None:
    quiet = {5: 40, 6: 30}  # weekends
    dates = [TODAY - dt.timedelta(days=n + 1) for n in range(28)]
    before = [profile(date, n, calls=quiet.get(date.weekday(), 800)) for n, date in enumerate(dates)]
    saturday = TODAY - dt.timedelta(days=TODAY.weekday() - 5)
    assert judge(profile(saturday, calls=40), before, SETTINGS).measures["volume_factor"].verdict == "ok"
    assert judge(profile(TODAY, calls=40), before, SETTINGS).measures["volume_factor"].verdict == "refused"


def test_a_profile_comes_back_from_its_file() -> None:
    one = profile(TODAY)
    assert Profile.of_json(one.to_json()) == one


def test_limits_are_in_order() -> None:
    values = SETTINGS.model_dump()
    with pytest.raises(ValueError, match="below warn"):
        DriftSettings(**{**values, "label_psi": {"warn": 0.3, "refuse": 0.2}})
    with pytest.raises(ValueError, match="no date would ever be refused"):
        DriftSettings(**{**values, "min_days": 29})


MODEL_SHIFTS: Mapping[str, Mapping[str, Any]] = {
    "model_label_psi": {"labels": {"neutral": 2000, "angry": 12000, "sad": 2000}},
    "model_confidence_psi": {"confidence": [16000, *[0] * 9]},
    "model_undecided": {"labels": {"neutral": 5600, "angry": 800, "sad": 1600, NO_EMOTION: 8000}},
}


@pytest.mark.parametrize("name", MODEL_SHIFTS)
def test_a_models_first_scores_of_a_date_are_held_against_anothers(name: str) -> None:
    now = profile(TODAY, seed=5, **MODEL_SHIFTS[name])
    verdict = judge(now, [], SETTINGS, profile(TODAY), days=7)
    assert (verdict.verdict, verdict.refused, verdict.to_json()["beyond"]) == ("refused", [name], [name])
    assert f"{name} " in str(verdict)
    assert judge(profile(TODAY, seed=5), [], SETTINGS, profile(TODAY), days=7).verdict == "ok"
    assert judge(now, [], SETTINGS, profile(TODAY), days=6).verdict == "warned"
    assert judge(now, [], SETTINGS, None, days=7).verdict == "ok"
    warn = SETTINGS.model_copy(update={"action": "warn"})
    assert (judge(now, [], warn, profile(TODAY), days=7).verdict) == "warned"


def test_few_dates_of_the_model_do_not_excuse_what_another_model_says() -> None:
    now = profile(TODAY, **MODEL_SHIFTS["model_label_psi"])
    verdict = judge(now, days(3), SETTINGS, profile(TODAY), days=28)
    assert verdict.refused == ["model_label_psi"]
    assert verdict.measures["label_psi"].verdict == "refused"  # beyond the limit, of too few dates


def test_a_few_segments_may_differ_by_chance_between_models() -> None:
    other = profile(TODAY, calls=1, labels={"neutral": 12, "angry": 8}, confidence=[2] * 10, segments=20)
    now = replace(other, labels={"neutral": 4, "angry": 12, NO_EMOTION: 4}, confidence=[4, 0] * 5)
    assert judge(now, [], SETTINGS, other, days=28).verdict == "ok"


def test_models_that_decide_nothing_can_be_compared() -> None:
    other = profile(TODAY, labels={NO_EMOTION: 16000})
    verdict = judge(other, [], SETTINGS, other, days=28)
    assert (verdict.verdict, "model_label_psi" in verdict.measures) == ("ok", False)


def test_familiarity_may_rise_and_old_profiles_have_none() -> None:
    before = days(28)
    assert judge(profile(TODAY, familiarity=1.0), before, SETTINGS).verdict == "ok"
    measured = judge(profile(TODAY, familiarity=0.68), before, SETTINGS)
    assert (measured.verdict, str(measured)) == ("warned", "familiarity_drop 0.12 (limit 0.1; 0.80 → 0.68)")
    old = [replace(day, familiarity=None) for day in before]
    assert "familiarity_drop" not in judge(profile(TODAY, familiarity=0.1), old, SETTINGS).measures
    some = [*old[:20], *before[20:]]
    assert judge(profile(TODAY, familiarity=0.3), some, SETTINGS).verdict == "refused"
    stored = json.loads(profile(TODAY).to_json())
    del stored["familiarity"]
    assert Profile.of_json(json.dumps(stored).encode()).familiarity is None


def test_few_calls_may_be_less_familiar_by_chance() -> None:
    before = [profile(TODAY - dt.timedelta(days=n + 1), n, calls=4) for n in range(28)]
    assert (
        judge(profile(TODAY, calls=4, familiarity=0.3), before, SETTINGS).measures["familiarity_drop"].verdict == "ok"
    )


def test_tasks_profiles_have_the_mean_familiarity_of_their_segments() -> None:
    date = Profile(TODAY, calls=3, confidence=(0,) * 10)
    parts = [Profile(TODAY, segments=n, confidence=[n] + [0] * 9, familiarity=f) for n, f in ((10, 0.9), (30, 0.5))]
    assert added(added(date, parts[0]), parts[1]).familiarity == pytest.approx(0.6)
    assert added(date, Profile(TODAY, confidence=(0,) * 10)).familiarity is None
