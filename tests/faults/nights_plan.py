"""What happens in which night."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.faults.nights_world import DAY, START


@dataclass(frozen=True)
class Plan:
    """What happens in which night, counted from 0.

    Attributes:
        nights: how many there are; the last one lists the whole archive.
        missed: no night is run.
        killed: the first try is killed, and there is a second.
        unreadable: none of the day's recordings is audio.
        healed: by day, the days whose recordings are put right.
        spoilt: by day, the days whose recordings are overwritten by what is no audio.
        empty: days without recordings.
        lost: nights that find the archive empty, before there is a second try.
        limit: from then on longer recordings are accepted.
        model: from then on another model is promoted.
        setting: from then on a setting that scores depend on is another.
    """

    nights: int
    missed: frozenset[int] = frozenset()
    killed: frozenset[int] = frozenset()
    unreadable: frozenset[int] = frozenset()
    healed: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    spoilt: Mapping[int, int] = field(default_factory=dict)
    empty: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    limit: int = 0
    model: int = 0
    setting: int = 0

    @property
    def left_alone(self) -> set[dt.date]:
        """Days to whose recordings nothing else happens."""
        days = {*self.unreadable, *self.spoilt.values(), *self.empty, *self.missed}
        return {START + day * DAY for day in days}


SHORT = Plan(
    6, missed=frozenset({2}), killed=frozenset({1}), unreadable=frozenset({4}), healed={5: (1, 4)}, spoilt={3: 1},
    lost=frozenset({3}), limit=3, model=4, setting=5,
)  # fmt: skip


def long_plan(nights: int, rng: random.Random) -> Plan:
    """What happens in at least 26 nights; which of them are killed is random."""
    return Plan(
        nights,
        missed=frozenset({9, 10}),
        killed=frozenset(rng.sample([2, 5, 7, 12, 15, 19, 22, 24], 5)),
        unreadable=frozenset({13}),
        healed={16: (13,), 20: (17,)},
        spoilt={18: 17},
        empty=frozenset({21}),
        lost=frozenset({23}),
        limit=11,
        model=14,
        setting=18,
    )
