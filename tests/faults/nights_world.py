"""The archive of a call centre that changes from night to night, and the truth of it, kept apart from all tables."""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tests.support.pipeline import PATTERN
from tests.support.synth import EMOTIONS, stereo_wav, write_csv

DAY = dt.timedelta(days=1)
START = dt.date(2026, 3, 2)
RECURRING = "first"
_CORRECTED = "corrected"
NOT_AUDIO, TOO_LONG = "not_audio", "too_long"
DURATIONS_S = (2.0, 4.0, 6.0)
LONG_S = 8.0
WINDOW_S = 4.0
LATEST_DAYS = 10
_SOON = dt.timedelta(seconds=1)  # a time of the same day: by its day, the metadata has the row of a call

_VOICES = range(14, 30)  # seeds whose voices both models name rightly: the tables are tested, not the models

Dated = Literal["path", "metadata"]


@dataclass(frozen=True)
class Recorded:
    """A recording as it is in the archive, and what its call is.

    Attributes:
        key: in the archive.
        call_id: unique, but for `RECURRING`, which every date has.
        date: of the call.
        agent_id: in the key.
        queue: in the metadata.
        emotion: of the customer.
        duration_s: of the recording.
        written_at: the object's time.
        audio: whether there is any in it.
        gone: it has been deleted.
    """

    key: str
    call_id: str
    date: dt.date
    agent_id: str
    queue: str
    emotion: str
    duration_s: float
    written_at: dt.datetime
    audio: bool = True
    gone: bool = False

    @property
    def segments(self) -> int:
        """Windows of the customer's channel."""
        return -(-int(self.duration_s) // int(WINDOW_S))

    def data(self) -> bytes:
        """The bytes of the object."""
        if not self.audio:
            return f"no audio, {self.call_id}".encode()
        other = EMOTIONS[(EMOTIONS.index(self.emotion) + 1) % len(EMOTIONS)]
        voice = _VOICES[zlib.crc32(f"{self.call_id} {self.written_at}".encode()) % len(_VOICES)]
        return stereo_wav(self.emotion, other, self.duration_s, voice)


@dataclass
class World:
    """An archive below `root`, whose dates are in the paths or in the metadata.

    Attributes:
        root: of archive and metadata.
        dated: where the date of a call is.
        rng: chooses what happens.
        calls: every recording there has been, by key.
        waiting: recordings that will be uploaded, by day.
        touched: days since which nothing may happen to a recording.
    """

    root: Path
    dated: Dated
    rng: random.Random
    calls: dict[str, Recorded] = field(default_factory=dict)
    waiting: dict[int, list[Recorded]] = field(default_factory=dict)
    overwritten: dict[str, Recorded] = field(default_factory=dict)
    still: set[dt.date] = field(default_factory=set)

    @property
    def archive(self) -> dict[str, Any]:
        """The section `archive` of the settings."""
        if self.dated == "path":
            metadata = self.root / "metadata" / "{call_date}.csv"
            return {"pattern": PATTERN, "metadata": str(metadata)}
        return {"pattern": "{upload}/{call_id}_{agent_id}.wav", "metadata": str(self.root / "metadata" / "calls.csv")}

    def upload(self, day: int, *, audio: bool = True) -> None:
        """The calls of a day and those of earlier days that come late. Some come later, some are no audio."""
        date = START + day * DAY
        for number in range(self.rng.randint(4, 6)):
            call = self._call(date, number, audio=audio and (number < 3 or self.rng.random() > 0.25))
            late = self.rng.randint(1, LATEST_DAYS) if number >= 3 and self.rng.random() < 0.5 else 0
            self.waiting.setdefault(day + late, []).append(call)
        self.arrive(day)

    def arrive(self, day: int) -> None:
        """What has been waiting for the day."""
        for call in self.waiting.pop(day, []):
            key = self._key(call, START + day * DAY)
            written = call.written_at if call.call_id == RECURRING else _noon(START + day * DAY)
            self._put(replace(call, key=key, written_at=written))

    def change(self, day: int) -> None:
        """A recording is replaced, another deleted, the queue of a third corrected, and the date of a fourth."""
        chosen = self._choose(day, 4)
        for number, call in enumerate(chosen):
            if number == 0:
                emotion = self.rng.choice([name for name in EMOTIONS if name != call.emotion])
                at = _noon(START + day * DAY)
                new = replace(call, emotion=emotion, duration_s=self.rng.choice(DURATIONS_S), written_at=at, audio=True)
                self._put(new)
            elif number == 1:
                if not call.queue.startswith(_CORRECTED):  # a night may not have seen the correction yet
                    self._remove(call)
            elif number == 2:
                self.calls[call.key] = replace(call, queue=f"{_CORRECTED} {day}")
            else:
                self._correct_date(call, call.date + self.rng.choice([-1, 1]) * DAY, day)

    def spoil(self, date: dt.date) -> None:
        """Every recording of a date is overwritten by what is no audio."""
        for call in self.of_date(date):
            self.overwritten[call.key] = call
            self._put(replace(call, audio=False, written_at=call.written_at + _SOON))

    def heal(self, date: dt.date) -> None:
        """Every recording of a date is there as it should be."""
        for call in self.of_date(date):
            sound = replace(self.overwritten.get(call.key, call), audio=True)
            self._put(replace(sound, written_at=call.written_at + _SOON))

    def of_date(self, date: dt.date) -> list[Recorded]:
        """Recordings of a date that are there."""
        return [call for call in self.calls.values() if call.date == date and not call.gone]

    def dates(self) -> list[dt.date]:
        """Dates that have ever had a recording."""
        return sorted({call.date for call in self.calls.values()})

    def describe(self) -> None:
        """Writes the metadata: one file a date, or one of all."""
        shutil.rmtree(self.root / "metadata", ignore_errors=True)
        if self.dated == "path":
            for date in self.dates():
                self._describe(
                    self.root / "metadata" / f"{date}.csv", (c for c in self.calls.values() if c.date == date)
                )
        else:
            self._describe(self.root / "metadata" / "calls.csv", self.calls.values())

    def _describe(self, path: Path, calls: Iterable[Recorded]) -> None:
        rows = {(c.call_id, c.date): {"call_id": c.call_id, "call_date": str(c.date), "queue": c.queue} for c in calls}
        write_csv(path, rows.values())

    def _call(self, date: dt.date, number: int, *, audio: bool) -> Recorded:
        return Recorded(
            key="",
            call_id=RECURRING if number == 0 else f"c{date:%m%d}{number}",
            date=date,
            agent_id=f"a{self.rng.randint(1, 3)}",
            queue=f"queue {self.rng.randint(1, 2)}",
            emotion=self.rng.choice(EMOTIONS),
            duration_s=LONG_S if number == 3 else self.rng.choice(DURATIONS_S),
            written_at=_noon(date),
            audio=audio,
        )

    def _choose(self, day: int, count: int) -> Sequence[Recorded]:
        """Recordings to change: seen by a night for certain, not the last of a date, of no date that is left alone."""
        latest, earliest = START + (day - 2) * DAY, START + (day - 12) * DAY
        open_to = [
            call
            for call in self.calls.values()
            if call.call_id != RECURRING and not call.gone and call.audio and call.duration_s < LONG_S
            and earliest <= call.date <= latest and call.date not in self.still
            and call.written_at.date() == call.date and len(self.of_date(call.date)) > 3
        ]  # fmt: skip
        return self.rng.sample(open_to, min(count, len(open_to)))

    def _correct_date(self, call: Recorded, date: dt.date, day: int) -> None:
        if date in self.still or not self.of_date(date):
            return
        if self.dated == "metadata":
            self.calls[call.key] = replace(call, date=date)
            return
        self._remove(call)  # the date is in the path: the call is filed again
        moved = replace(call, date=date, written_at=_noon(START + day * DAY))
        self._put(replace(moved, key=self._key(moved, START + day * DAY)))

    def _key(self, call: Recorded, uploaded: dt.date) -> str:
        folder = f"{call.date:%Y/%m/%d}" if self.dated == "path" else f"{uploaded:%Y%m%d}"
        return f"{folder}/{call.call_id}_{call.agent_id}.wav"

    def _put(self, call: Recorded) -> None:
        path = self.root / "archive" / call.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(call.data())
        os.utime(path, (call.written_at.timestamp(),) * 2)
        self.calls[call.key] = call

    def _remove(self, call: Recorded) -> None:
        (self.root / "archive" / call.key).unlink()
        self.calls[call.key] = replace(call, gone=True)


def _noon(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(12), dt.UTC)


def weeks(first: dt.date, count: int) -> Iterator[dt.date]:
    """The same weekday in the weeks before a date."""
    return (first - number * 7 * DAY for number in range(1, count + 1))
