"""Refusals that count, by reason and rule; and cleared ones, which are tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.refusals import clear_refusals, refused
from tests.support.tables import MONDAY, TUESDAY, Stopping, at, derived, extraction, fill, recording, refusal, run_id


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    """On Tuesday r4 is no audio; r5 and r6 were missing, r6 twice, and then too long; r7 was missing and is there."""
    tables = TableStore(Stopping(tmp_path))
    fill(tables)
    names = ["r3", "r4", "r5", "r6", "r7"]
    derived(tables, RECORDINGS, [recording(name, f"c{name}", TUESDAY) for name in names], [TUESDAY])
    for hour, task, name, reason, attempt in (
        (4, 0, "r5", "missing", 1),
        (4, 1, "r6", "missing", 1),
        (4, 2, "r7", "missing", 1),
        (5, 0, "r6", "missing", 2),
        (6, 0, "r6", "too_long", 3),
    ):
        more = {"reason": reason, "attempt": attempt, "seen_at": at(hour), "detail": f"{reason} {attempt}"}
        refusal(tables, run_id(hour), task, name, TUESDAY, refused_by=f"rule of {reason}", **more)
    extraction(tables, run_id(7), 0, [("r7", "v1", "c7", TUESDAY)])
    return tables


def test_the_last_refusal_of_a_recording_counts(store: TableStore) -> None:
    found = {group.reason: group for group in refused(store, TUESDAY)}
    assert {reason: group.count for reason, group in found.items()} == {"missing": 1, "not_audio": 1, "too_long": 1}
    too_long = found["too_long"]
    assert (too_long.refused_by, too_long.attempts, too_long.last_seen) == ("rule of too_long", 3, at(6))
    assert (too_long.uri, too_long.detail) == ("/archive/r6.wav", "too_long 3")
    assert refused(store, MONDAY) == []
    assert [group.reason for group in refused(store, TUESDAY, "missing")] == ["missing"]


def test_what_was_extracted_since_or_is_gone_or_has_another_version_does_not_count(store: TableStore) -> None:
    changed = [
        recording("r4", "c4", TUESDAY, gone_at=at(9)),
        recording("r5", "c5", TUESDAY, "v2"),
        recording("r6", "c6", TUESDAY, duplicate_of="r3"),
        recording("r7", "c7", TUESDAY),
    ]
    derived(store, RECORDINGS, changed, [TUESDAY])
    assert refused(store, TUESDAY) == []


def test_the_same_reason_by_another_rule_is_another_line(store: TableStore) -> None:
    refusal(store, run_id(8), 0, "r5", TUESDAY, reason="too_long", refused_by="another limit", seen_at=at(8))
    lines = [(group.reason, group.refused_by, group.count) for group in refused(store, TUESDAY, "too_long")]
    assert sorted(lines) == [("too_long", "another limit", 1), ("too_long", "rule of too_long", 1)]


@pytest.mark.parametrize(("reason", "cleared", "left"), [("too_long", 1, 5), ("missing", 4, 2), (None, 6, 0)])
def test_cleared_refusals_are_gone(store: TableStore, reason: str | None, cleared: int, left: int) -> None:
    refusal(store, run_id(4), 9, "r1", MONDAY, reason="missing")
    assert clear_refusals(store, TUESDAY, reason) == cleared
    rows = [row for key in store.files_of(QUARANTINE, call_date=TUESDAY) for row in store.read(key).to_pylist()]
    assert len(rows) == left
    assert reason not in {row["reason"] for row in rows}
    assert all(len(store.read(key)) for key in store.files(QUARANTINE))  # a file without rows is deleted
    assert len(store.files_of(QUARANTINE, call_date=MONDAY)) == 1
