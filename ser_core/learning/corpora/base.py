"""The protocol of corpus readers, and what they return: labelled stretches, and recordings without a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class LabelledStretch:
    """A row of the table `labels`, before the recording has its id.

    `key` is the recording's, relative to the corpus root. `channel` is None for all channels. The stretch is from
    `start_s` to `end_s` in seconds; `end_s` is None for the end of the recording.
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
    """A recording without a label, or a label without a recording: its key and the reason."""

    key: str
    why: str


@dataclass(frozen=True)
class CorpusListing:
    """The labels of a listing of keys: every key is in `stretches`, `unplaced` or `left_out`.

    `unplaced` are unexpected and should be checked; `left_out` are known files of the corpus that are not needed, such
    as the videos of an audio-visual corpus.
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
        """The terms of use of the recordings, a sentence for the model card."""

    @property
    def commercial_use(self) -> bool:
        """Whether these terms allow commercial use; False where that is unknown."""

    @property
    def folds(self) -> tuple[tuple[str, ...], ...] | None:
        """The test speakers of each published speaker-independent fold, or None where none are published."""

    def read(self, keys: Iterable[str]) -> CorpusListing:
        """The labels of the recordings in `keys`, which are relative to the corpus root."""
