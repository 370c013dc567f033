"""What a reader of a labelled corpus gives: labelled stretches, and what it could not place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class LabelledStretch:
    """A row of the table `labels`, before the recording has its id.

    `key` names the recording relative to the corpus root. `channel` None means every channel. The stretch runs from
    `start_s` to `end_s` (seconds); `end_s` None means to the end of the recording.
    """

    key: str
    corpus: str
    speaker: str
    emotion: str
    channel: int | None = None
    start_s: float = 0.0
    end_s: float | None = None
    annotator: str = "corpus"
    intensity: str | None = None
    language: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unplaced:
    """A recording without a label, or a label without a recording: its key and why."""

    key: str
    why: str


@dataclass(frozen=True)
class CorpusListing:
    """What a listing of keys says: every key is in `stretches`, or in `unplaced`, or in `left_out`.

    `unplaced` are surprises a person should look at; `left_out` are keys the corpus is known to hold and which are no
    recordings for this purpose, such as the videos of an audio-visual corpus.
    """

    stretches: tuple[LabelledStretch, ...]
    unplaced: tuple[Unplaced, ...] = ()
    left_out: tuple[str, ...] = ()


class CorpusReader(Protocol):
    """One labelled corpus."""

    @property
    def name(self) -> str:
        """The corpus's name, the column `corpus`."""

    @property
    def licence(self) -> str:
        """A sentence for the model card: under which terms the recordings may be used."""

    @property
    def folds(self) -> tuple[tuple[str, ...], ...] | None:
        """The test speakers of each published speaker-independent fold, or None where none are published."""

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels of the recordings named by `keys`, each relative to the corpus root."""
