"""A sample of the recordings, where all of them do not fit into the driver's memory."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ser_core.errors import TrainingError


class RecordingRows(NamedTuple):
    """The number of `rows` (segments) of one recording with one speaker and emotion."""

    recording_id: str
    speaker: str
    emotion: str
    rows: int


def plan_sample(counts: Iterable[RecordingRows], max_rows: int, seed: int) -> tuple[str, ...]:
    """Sorted ids of recordings that together have at most `max_rows` rows; all of them where they fit.

    Stratified by emotion: each keeps its share of the rows, as far as whole recordings allow. Within an emotion the
    speakers take turns. The sample depends on `seed` and on the set of recordings, not on their order. A recording of
    several emotions counts for the emotion of most of its rows.

    Raises:
        TrainingError: every recording has more rows than `max_rows`.
    """
    rows, strata = _strata(counts, seed)
    if sum(rows.values()) <= max_rows:
        return tuple(sorted(rows))
    available = {emotion: sum(rows[recording] for recording in queue) for emotion, queue in strata.items()}
    taken: Counter[str] = Counter()
    queues = {emotion: iter(queue) for emotion, queue in strata.items()}
    turns = [(0.0, emotion) for emotion in sorted(strata)]
    chosen: list[str] = []
    left = max_rows
    while turns:
        _, emotion = heapq.heappop(turns)
        recording = _next_that_fits(queues[emotion], rows, left)
        if recording is None:
            continue
        chosen.append(recording)
        left -= rows[recording]
        taken[emotion] += rows[recording]
        heapq.heappush(turns, (taken[emotion] / available[emotion], emotion))
    if not chosen:
        raise TrainingError(
            f"Every recording has more than training.max_rows {max_rows} rows (the shortest {min(rows.values())}); "
            "raise it, or cut the recordings"
        )
    return tuple(sorted(chosen))


def _next_that_fits(queue: Iterator[str], rows: Mapping[str, int], left: int) -> str | None:
    # A recording that does not fit now never will: `left` only shrinks.
    return next((recording for recording in queue if rows[recording] <= left), None)


def _strata(counts: Iterable[RecordingRows], seed: int) -> tuple[Counter[str], Mapping[str, Sequence[str]]]:
    """Rows by recording; and by emotion, its recordings in the order of selection."""
    by_label: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for count in counts:
        if count.rows > 0:
            by_label[count.recording_id][count.emotion, count.speaker] += count.rows
    members: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for recording, labels in by_label.items():
        emotion, speaker = min(labels, key=lambda label: (-labels[label], label))
        members[emotion][speaker].append(recording)
    rows = Counter({recording: labels.total() for recording, labels in by_label.items()})
    return rows, {emotion: _in_turns(speakers, seed) for emotion, speakers in members.items()}


def _in_turns(speakers: Mapping[str, Sequence[str]], seed: int) -> Sequence[str]:
    """One recording of each speaker, then the next of each; both in the order of `random_key`."""
    placed = [
        (turn, random_key(speaker, seed), recording)
        for speaker, recordings in speakers.items()
        for turn, recording in enumerate(sorted(recordings, key=lambda name: random_key(name, seed)))
    ]
    return [recording for _, _, recording in sorted(placed)]


def random_key(name: str, seed: int) -> bytes:
    """A random sort key of a name, which depends only on the name and the seed."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
