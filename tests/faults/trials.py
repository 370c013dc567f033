"""What a kill trial is, and the seeded hands they are dealt in."""

from __future__ import annotations

import random
from typing import NamedTuple

RUNNING = "running"
DERIVED = frozenset({"recordings", "segment_emotions", "call_emotions", "call_talk"})

# (job, who is killed, while which table is written); of 28, 5 are ingest, 5 extract, 10 score, 5 nightly and 3 train
_DECK = (
    ("ingest", "driver", "recordings"),
    ("ingest", "worker", "recordings"),
    ("ingest", "driver", RUNNING),
    ("ingest", "worker", RUNNING),
    ("ingest", "executor", RUNNING),
    ("extract", "driver", "features"),
    ("extract", "executor", "channels"),
    ("extract", "driver", RUNNING),
    ("extract", "worker", RUNNING),
    ("extract", "executor", RUNNING),
    ("score", "driver", "segment_emotions"),
    ("score", "driver", "call_emotions"),
    ("score", "driver", "call_talk"),
    ("score", "worker", "segment_emotions"),
    ("score", "worker", "call_talk"),
    ("score", "executor", "segment_emotions"),
    ("score", "executor", "call_emotions"),
    ("score", "driver", RUNNING),
    ("score", "worker", RUNNING),
    ("score", "executor", RUNNING),
    ("nightly", "driver", "recordings"),
    ("nightly", "driver", "channels"),
    ("nightly", "worker", "call_emotions"),
    ("nightly", "driver", RUNNING),
    ("nightly", "executor", RUNNING),
    ("train", "driver", "features"),
    ("train", "driver", RUNNING),
    ("train", "worker", RUNNING),
)


class Trial(NamedTuple):
    """One kill.

    Attributes:
        number: counts up; names the trial's folder.
        job: ingest, extract, score, nightly or train.
        target: `driver` (its Python, its JVM, or both), `executor` or `worker` (of Python).
        moment: `running`, or the table whose files are watched.
        share: in [0, 1): how far into the run, or among the table's new files, the kill falls.
        part: of the driver: `python`, `jvm` or `both`.
    """

    number: int
    job: str
    target: str
    moment: str
    share: float
    part: str

    @property
    def publishing(self) -> bool:
        """Whether a derived table is being published."""
        return self.moment in DERIVED


def deal(count: int, seed: int) -> list[Trial]:
    """`count` trials; the deck is dealt whole, shuffled anew each time, before a hand comes twice."""
    rng = random.Random(seed)
    hands: list[tuple[str, str, str]] = []
    while len(hands) < count:
        hands += rng.sample(_DECK, len(_DECK))
    return [
        Trial(number, *hand, rng.random(), rng.choice(("python", "jvm", "both")))
        for number, hand in enumerate(hands[:count])
    ]
