"""Conditions of the evaluation on strangers: corpora that were never heard, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ser_core.learning.evaluation.result_rows import PEER

TRANSFER = "transfer:"
"""Prefix of a row: `transfer:<corpus>[:line][:<condition>]`, after `peer:<name>:` where it is a peer's."""
LINE = "line"
SKEWED_SHARE = 0.8
"""Share of one emotion in the clips of a skewed speaker, and of neutral in an archive that is mostly neutral."""


@dataclass(frozen=True)
class StrangerCondition:
    """What a model knows of a tested corpus.

    Attributes:
        name: of the condition; empty for the one that knows nothing.
        archive: vectors are measured from the tested corpus's own population, all speakers together, without labels.
        mostly_neutral: that population is drawn so that `SKEWED_SHARE` of it is neutral.
        speakers: clips of the same speaker are known to be of the same speaker.
        skewed: each speaker has `SKEWED_SHARE` of one emotion.
        known: in words.
    """

    name: str
    archive: bool
    mostly_neutral: bool
    speakers: bool
    skewed: bool
    known: str


def _conditions() -> Mapping[str, StrangerCondition]:
    conditions = (
        StrangerCondition("", False, False, False, False, "nothing: a single clip of a stranger"),
        StrangerCondition("archive", True, False, False, False, "the archive's population, no speaker"),
        StrangerCondition("archive-neutral", True, True, False, False, "an archive that is 80 % neutral, no speaker"),
        StrangerCondition("normalised", True, False, True, False, "the archive's population, and the speaker's clips"),
        StrangerCondition("skewed", True, False, True, True, "the same; 80 % of a speaker's clips are one emotion"),
    )
    return MappingProxyType({condition.name: condition for condition in conditions})


STRANGER_CONDITIONS = _conditions()
"""By name."""
LINE_CONDITIONS = ("", "archive", "normalised", "skewed")
"""Those of a telephone line."""
PEER_CONDITIONS = LINE_CONDITIONS
"""Those of peers."""


class StrangerRow(NamedTuple):
    """What the name of a row says: the tested `corpus`, over a `line` or not, the condition, and the `peer` if it is
    one's."""

    corpus: str
    line: bool
    condition: StrangerCondition
    peer: str | None

    @property
    def name(self) -> str:
        """Such as `transfer:nemo:line:archive`."""
        parts = [self.corpus, *([LINE] if self.line else []), *([self.condition.name] if self.condition.name else [])]
        return f"{f'{PEER}{self.peer}:' if self.peer else ''}{TRANSFER}{':'.join(parts)}"


def stranger_row(name: str) -> StrangerRow:
    """The reverse of `StrangerRow.name`.

    Raises:
        ValueError: `name` is no such row.
    """
    before, found, after = name.partition(TRANSFER)
    corpus, *rest = after.split(":")
    line = rest[:1] == [LINE]
    condition = ":".join(rest[line:])
    if not found or condition not in STRANGER_CONDITIONS:
        raise ValueError(f"{name!r} is no row of the evaluation on strangers")
    peer = before.removeprefix(PEER).removesuffix(":") or None
    return StrangerRow(corpus, line, STRANGER_CONDITIONS[condition], peer)
