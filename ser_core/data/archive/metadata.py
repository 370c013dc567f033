"""Metadata of calls, from a file with one row per call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ser_core.config.settings import StorageSettings
from ser_core.data.archive.row_files import Row, read_rows
from ser_core.errors import SettingsError

_T = TypeVar("_T")
_MAX_FAULTS = 10
_ROLES = ("customer", "agent", "mixed")


@dataclass(frozen=True)
class CallMetadata:
    """Metadata of a call; None where unknown.

    `started_at` without an offset is local time of the archive. `extra` holds every other column, `roles` too.
    """

    call_id: str | None
    agent_id: str | None
    queue: str | None
    started_at: dt.datetime | None
    call_date: dt.date | None
    extra: Mapping[str, str]


def read_metadata(uri: str, settings: StorageSettings) -> dict[str, CallMetadata]:
    """Metadata by call_id from a CSV or Parquet file with a column `call_id`.

    Known columns: agent_id, queue, started_at and call_date (ISO 8601), roles (`0=agent,1=customer`).

    Raises:
        SettingsError: no column `call_id`, a call_id that is empty or occurs twice, values that cannot be read.
    """
    calls: dict[str, CallMetadata] = {}
    faults: list[str] = []
    for number, row in read_rows(uri, "call_id", settings):
        try:
            call = parse_metadata(row)
            if call.call_id is None:
                raise ValueError("has no call_id")
            if call.call_id in calls:
                raise ValueError(f"has the call_id {call.call_id!r} of an earlier row: expected one row per call")
            calls[call.call_id] = call
        except ValueError as error:
            faults.append(f"{uri}, row {number}: {error}")
            if len(faults) == _MAX_FAULTS:
                break
    if faults:
        raise SettingsError(faults)
    return calls


def parse_metadata(row: Row) -> CallMetadata:
    """The typed form of a row.

    Raises:
        ValueError: started_at, call_date or roles cannot be read.
    """
    rest = dict(row)
    started_at = _parsed(rest, "started_at", dt.datetime.fromisoformat, "2026-11-21T09:30:00+01:00")
    call_date = _parsed(rest, "call_date", _day, "2026-11-21")
    if "roles" in rest:
        parse_roles(rest["roles"])
    return CallMetadata(
        call_id=rest.pop("call_id", None),
        agent_id=rest.pop("agent_id", None),
        queue=rest.pop("queue", None),
        started_at=started_at,
        call_date=call_date,
        extra=rest,
    )


def parse_roles(text: str) -> dict[int, str]:
    """Roles by channel from `0=agent,1=customer`.

    Raises:
        ValueError: anything else.
    """
    roles: dict[int, str] = {}
    for item in text.split(","):
        channel, _, role = (part.strip() for part in item.partition("="))
        if not (channel.isascii() and channel.isdigit()) or role not in _ROLES or int(channel) in roles:
            raise ValueError(f"roles is {text!r}: expected 0=agent,1=customer, with roles of {', '.join(_ROLES)}")
        roles[int(channel)] = role
    return roles


def _day(text: str) -> dt.date:
    """A date, or the day of a time stamp at midnight, as databases export dates."""
    moment = dt.datetime.fromisoformat(text)
    if moment.time() != dt.time() or moment.tzinfo is not None:
        raise ValueError(text)
    return moment.date()


def _parsed(row: Row, name: str, parse: Callable[[str], _T], example: str) -> _T | None:
    text = row.pop(name, None)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{name} is {text!r}: expected ISO 8601, such as {example}") from error
