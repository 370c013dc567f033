"""The tables after the last night against the truth of the archive."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ser_core.config import Settings
from ser_core.data.archive.identity import recording_id
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
)
from ser_core.pipeline.state.dates import Dates
from tests.faults.nights_world import DAY, NOT_AUDIO, START, Recorded, World
from tests.faults.readings import counting
from tests.support.pipeline import read_rows, store_of

if TYPE_CHECKING:
    from tests.faults.nights_plan import Plan

_TOLERANCE_S = 0.05


class Truth:
    """What the tables must hold, by the archive as it is.

    Args:
        settings: of the last night.
        world: the archive.
    """

    def __init__(self, settings: Settings, world: World) -> None:
        name, self.keeps = settings.archive.name, not settings.retention.follow_audio
        self.known = {recording_id(name, call.key): call for call in world.calls.values()}
        self.there = {rid: call for rid, call in self.known.items() if not call.gone}
        counted = {rid: call for rid, call in self.known.items() if self.keeps or not call.gone}
        self.heard = {rid: call for rid, call in counted.items() if call.audio}
        self.by_date: dict[dt.date, list[Recorded]] = defaultdict(list)
        for call in self.heard.values():
            self.by_date[call.date].append(call)


def differences(
    settings: Settings, world: World, plan: Plan, ended: Mapping[int, str], lost: Mapping[int, str]
) -> list[str]:
    """What differs, a sentence each.

    Args:
        settings: of the last night.
        world: the archive.
        plan: what has happened.
        ended: how each night has ended.
        lost: how the nights have ended that found the archive empty.
    """
    truth, tables = Truth(settings, world), _Tables(settings)
    return [
        *_recordings(tables, truth),
        *_extractions(tables, truth),
        *_refusals(tables, truth),
        *_scores(tables, truth),
        *_dates(tables, truth, plan),
        *_anomalies(tables, plan, ended, lost),
    ]


class _Tables:
    """What the tables hold."""

    def __init__(self, settings: Settings) -> None:
        self.store = store_of(settings)
        self.dates = Dates(self.store)
        self.recordings = {row["recording_id"]: row for row in read_rows(self.store, RECORDINGS)}
        self.rows_of_recordings = len(read_rows(self.store, RECORDINGS))
        self.version = {rid: row["version"] for rid, row in self.recordings.items()}
        self.date = {rid: row["call_date"] for rid, row in self.recordings.items()}

    def current(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Rows of the current version of a recording, on its date."""
        for row in rows:
            rid = row["recording_id"]
            if self.version.get(rid) == row["version"] and self.date[rid] == row["call_date"]:
                yield row

    def published(self, rows: Iterable[Mapping[str, Any]]) -> dict[dt.date, list[Mapping[str, Any]]]:
        """Rows by date, of the model that has published the date last."""
        by_date: dict[dt.date, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["model_version"] == self.dates.row(row["call_date"]).get("model_version"):
                by_date[row["call_date"]].append(row)
        return by_date


def _recordings(tables: _Tables, truth: Truth) -> Iterator[str]:
    yield from _same("recordings", tables.recordings.keys(), truth.known.keys())
    if tables.rows_of_recordings != len(tables.recordings):
        yield f"recordings has {tables.rows_of_recordings} rows of {len(tables.recordings)} recordings"
    for rid in tables.recordings.keys() & truth.known.keys():
        row, call = tables.recordings[rid], truth.known[rid]
        seen = (row["call_id"], row["call_date"], row["agent_id"], row["queue"], row["gone_at"] is not None)
        true = (call.call_id, call.date, call.agent_id, call.queue, call.gone)
        if seen != true or row["duplicate_of"] is not None:
            yield f"recordings: {seen}, duplicate of {row['duplicate_of']}; in truth {true}: {call}"


def _extractions(tables: _Tables, truth: Truth) -> Iterator[str]:
    rows: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in tables.current(counting(tables.store, CHANNELS)):
        rows[row["recording_id"]][row["role"]] = row
    heard = {rid for rid, call in truth.there.items() if call.audio}
    yield from _same("channels", rows.keys() & truth.there.keys(), heard)
    for rid in rows.keys() & heard:
        call, own = truth.known[rid], rows[rid]
        if own.keys() != {"customer", "agent"} or own["customer"]["segments"] != call.segments:
            yield f"channels: {own} of {call}"
        elif abs(own["customer"]["duration_s"] - call.duration_s) > _TOLERANCE_S:
            yield f"channels: {own['customer']['duration_s']} s of {call}"


def _refusals(tables: _Tables, truth: Truth) -> Iterator[str]:
    rows = list(tables.current(read_rows(tables.store, QUARANTINE)))
    refused = {row["recording_id"] for row in rows if row["reason"] == NOT_AUDIO}
    silent = {rid for rid, call in truth.there.items() if not call.audio}
    yield from _same("quarantine", refused & truth.there.keys(), silent)
    other = [row for row in rows if row["reason"] not in {NOT_AUDIO, "too_long"} or not row["detail"]]
    yield from (f"quarantine: {row}" for row in other)


def _scores(tables: _Tables, truth: Truth) -> Iterator[str]:
    calls = tables.published(read_rows(tables.store, CALL_EMOTIONS))
    segments = tables.published(read_rows(tables.store, SEGMENT_EMOTIONS))
    talk: dict[dt.date, list[str]] = defaultdict(list)
    for row in read_rows(tables.store, CALL_TALK):
        talk[row["call_date"]].append(row["call_id"])
    for date in sorted({*truth.by_date, *calls, *segments, *talk}):
        expected = {call.call_id: call for call in truth.by_date[date]}
        yield from _same(f"call_talk of {date}", sorted(talk[date]), sorted(expected))
        yield from _same(f"call_emotions of {date}", sorted(row["call_id"] for row in calls[date]), sorted(expected))
        for row in calls[date]:
            call = expected.get(row["call_id"])
            seen = (row["role"], row["dominant_emotion"], row["segments"], row["agent_id"], row["queue"])
            if call and seen != ("customer", call.emotion, call.segments, call.agent_id, call.queue):
                yield f"call_emotions of {date}: {seen} of {call}"
        numbers = [(row["call_id"], row["segment_no"], row["emotion"]) for row in segments[date]]
        true = [(call.call_id, number, call.emotion) for call in expected.values() for number in range(call.segments)]
        yield from _same(f"segment_emotions of {date}", sorted(numbers), sorted(true))


def _dates(tables: _Tables, truth: Truth, plan: Plan) -> Iterator[str]:
    last = START + (plan.nights - 1) * DAY
    there: dict[dt.date, list[Recorded]] = defaultdict(list)
    for call in truth.there.values():
        there[call.date].append(call)
    for date in sorted({*there, *truth.by_date}):
        row, own = tables.dates.row(date), there[date]
        seen = tuple(row.get(name) for name in ("listed", "extracted", "refused", "scored", "open", "held_back"))
        heard = sum(call.audio for call in own)
        true = (len(own), heard, len(own) - heard, len(truth.by_date[date]), False, None)
        if seen != true:
            yield f"dates: {date} is {seen} (listed, extracted, refused, scored, open, held back), in truth {true}"
        by_new = date >= min(last, START + plan.model * DAY) and truth.by_date[date]
        if by_new and row.get("model_version") != "emotions/2":
            yield f"dates: {date} is of {row.get('model_version')}, after emotions/2 was promoted"


def _anomalies(tables: _Tables, plan: Plan, ended: Mapping[int, str], lost: Mapping[int, str]) -> Iterator[str]:
    """Everything odd must be in `runs` or `dates`, with its reason."""
    nights = [row for row in read_rows(tables.store, RUNS) if row["job"] == "nightly" and row["status"] != "running"]
    noted = [row["detail"] or "" for row in nights]
    if len(nights) < len(ended) + len(lost):
        yield f"runs has {len(nights)} nights that have ended, of {len(ended) + len(lost)}"
    expected = [(ended.get(day, ""), f"{START + day * DAY}: all_refused") for day in plan.unreadable]
    expected += [(ended.get(day, ""), f"{START + of * DAY}: lost_calls") for day, of in plan.spoilt.items()]
    expected += [(lost.get(day, ""), "recordings that were listed before are gone") for day in plan.lost]
    for said, words in expected:
        if words not in said or not any(words in text for text in noted):
            yield f"a night should have ended, and be in runs, with {words!r}: {said}"
    for day in plan.empty:
        held = tables.dates.row(START + day * DAY).get("held_back") or ""
        if not held.startswith("no_recordings"):
            yield f"dates: {START + day * DAY} had no recordings, and is held back by {held!r}"
    for day in plan.missed:
        after = min(night for night in ended if night > day)
        if ended[after] == "done" and not any(f"call_dates {_first(plan, day)}" in text for text in noted):
            yield f"the night after the missed {START + day * DAY} did not begin with it"


def _first(plan: Plan, day: int) -> dt.date:
    while day - 1 in plan.missed:
        day -= 1
    return START + (day - 2) * DAY


def _same(what: str, seen: Iterable[Any], true: Iterable[Any]) -> Iterator[str]:
    ours, theirs = list(seen), list(true)
    if sorted(map(str, ours)) != sorted(map(str, theirs)):
        more = sorted({*map(str, ours)} - {*map(str, theirs)})
        less = sorted({*map(str, theirs)} - {*map(str, ours)})
        yield f"{what}: {len(ours)} of {len(theirs)}; too many {more}, lacking {less}"
