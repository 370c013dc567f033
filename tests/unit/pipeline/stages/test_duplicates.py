from __future__ import annotations

import datetime as dt
from typing import Any

from ser_core.config.settings import RoleSettings
from ser_core.pipeline.stages.duplicates import mark_duplicates

ROLES = RoleSettings(mono="mixed", channels=("customer", "agent"), names={"customer": ("caller",), "agent": ("rep",)})
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def recording(name: str, minutes: int = 0, call: str = "c1", gone: bool = False, **extra: str) -> dict[str, Any]:
    time = NOON + dt.timedelta(minutes=minutes)
    row = {"recording_id": name, "call_id": call, "modified_at": time, "gone_at": NOON if gone else None}
    return {**row, "extra": list(extra.items()), "duplicate_of": "before"}


def marked(*rows: dict[str, Any], unusable: tuple[str, ...] = ()) -> dict[str, str | None]:
    mark_duplicates(rows, unusable, ROLES)
    return {row["recording_id"]: row["duplicate_of"] for row in rows}


def test_the_newest_counts_then_the_least_id() -> None:
    assert marked(recording("a"), recording("b", 1), recording("c", call="c2")) == {"a": "b", "b": None, "c": None}
    assert marked(recording("b"), recording("a")) == {"a": None, "b": "a"}


def test_what_is_gone_or_has_no_object_hides_nothing() -> None:
    assert marked(recording("a"), recording("b", 1, gone=True)) == {"a": None, "b": "a"}
    assert marked(recording("a"), recording("b", 1), unusable=("b",)) == {"a": None, "b": "a"}
    assert marked(recording("a", gone=True), recording("b", 1, gone=True)) == {"a": "b", "b": None}


def test_legs_are_told_apart_by_role_or_channel() -> None:
    legs = [recording("a", role="caller"), recording("b", role="Rep"), recording("c", channel="0"), recording("d")]
    assert marked(*legs) == {"a": None, "b": None, "c": "a", "d": None}
    odd = [recording("a", role="boss"), recording("b", role="boss"), recording("c", channel="left")]
    assert marked(*odd) == {"a": None, "b": "a", "c": None}
