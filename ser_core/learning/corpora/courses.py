"""Courses: how a customer's emotions change over a built call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ser_core.emotions import AFFECT

Chooser = Callable[[float, Mapping[str, float]], str]
"""(position in the call, 0 to 1; seconds spoken so far by emotion) → the emotion of the next turn."""
Course = Callable[[Sequence[str], np.random.Generator], Chooser]
"""(available emotions; random numbers) → their chooser."""

DOMINANT_SHARE = 0.8
"""Share of the dominant emotion in the speech time of a `dominated` call."""
_AROUSED = 0.3


def _random(emotions: Sequence[str], rng: np.random.Generator) -> Chooser:
    bag: list[str] = []

    def choose(position: float, spoken: Mapping[str, float]) -> str:
        if not bag:
            bag.extend(rng.permutation(list(emotions)).tolist())
        return bag.pop()

    return choose


def _dominated(emotions: Sequence[str], rng: np.random.Generator) -> Chooser:
    main = str(rng.choice(list(emotions)))
    others = _random([name for name in emotions if name != main] or [main], rng)

    def choose(position: float, spoken: Mapping[str, float]) -> str:
        behind = spoken.get(main, 0.0) <= DOMINANT_SHARE * sum(spoken.values())
        return main if behind else others(position, spoken)

    return choose


def _stretches(parts: Sequence[str]) -> Chooser:
    return lambda position, spoken: parts[min(int(position * len(parts)), len(parts) - 1)]


def _steady(emotions: Sequence[str], rng: np.random.Generator) -> Chooser:
    return _stretches([str(rng.choice(list(emotions)))])


def _shifting(emotions: Sequence[str], rng: np.random.Generator) -> Chooser:
    count = min(len(emotions), int(rng.integers(2, 4)))
    return _stretches([str(name) for name in rng.choice(list(emotions), count, replace=False)])


def _towards_anger(emotions: Sequence[str], rng: np.random.Generator) -> list[str]:
    """From pleasant or neutral to unpleasant, then to unpleasant and aroused, as far as such emotions are available."""
    pleasant = [name for name in emotions if AFFECT[name].valence >= 0]
    hostile = [name for name in emotions if AFFECT[name].valence < 0 and AFFECT[name].arousal > _AROUSED]
    between = [name for name in emotions if AFFECT[name].valence < 0 and AFFECT[name].arousal <= _AROUSED]
    return [str(rng.choice(part)) for part in (pleasant, between, hostile) if part]


def _escalating(emotions: Sequence[str], rng: np.random.Generator) -> Chooser:
    return _stretches(_towards_anger(emotions, rng))


def _recovering(emotions: Sequence[str], rng: np.random.Generator) -> Chooser:
    return _stretches(_towards_anger(emotions, rng)[::-1])


COURSES: Mapping[str, Course] = MappingProxyType(
    {
        "random": _random,
        "steady": _steady,
        "shifting": _shifting,
        "escalating": _escalating,
        "recovering": _recovering,
        "dominated": _dominated,
    }
)
"""By name. `random`: all emotions in turn, shuffled. `steady`: one emotion. `shifting`: two or three, in equal parts of
the call. `escalating`: from pleasant to hostile; `recovering`: the reverse. `dominated`: one has 80 % of the speech."""
