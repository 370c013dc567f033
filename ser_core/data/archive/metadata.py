"""What a contact centre's systems know of a call, from a file with one row a call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from ser_core.config.settings import StorageSettings
from ser_core.data.archive.metadata_files import MetadataFile
from ser_core.data.archive.role_words import RoleNames, parse_roles
from ser_core.data.archive.row_files import Row, read_rows
from ser_core.errors import SettingsError

_T = TypeVar("_T")
_MAX_FAULTS = 10


@dataclass(frozen=True)
class CallMetadata:
    """What is known of a call; None where it is not.

    `started_at` without an offset is local time of the archive. `extra` holds every other column, `roles` too.
    """

    call_id: str | None
    agent_id: str | None
    queue: str | None
    started_at: dt.datetime | None
    call_date: dt.date | None
    extra: Mapping[str, str]


class MetadataRow(NamedTuple):
    """A row of a file: typed, its values as text, and its place, such as `calls.csv, row 4`."""

    call: CallMetadata
    values: Row
    place: str


def read_metadata(file: MetadataFile, names: RoleNames, settings: StorageSettings) -> Iterator[MetadataRow]:
    """The rows of a CSV or Parquet file with a column `call_id`, in its order; none is kept in memory.

    Known columns: agent_id, queue, started_at and call_date (ISO 8601), roles (`0=agent,1=customer`). In a file of one
    date, a row that has neither call_date nor started_at is of that date.

    Raises:
        SettingsError: a row has no call_id, or values that cannot be read; the first ten such rows.
    """
    faults: list[str] = []
    for number, row in read_rows(file.uri, "call_id", settings):
        place = f"{file.uri}, row {number}"
        try:
            call = parse_metadata(row, names)
            if call.call_id is None:
                raise ValueError("has no call_id")
        except ValueError as error:
            faults.append(f"{place}: {error}")
            if len(faults) == _MAX_FAULTS:
                break
            continue
        if file.call_date is not None and call.call_date is None and call.started_at is None:
            row["call_date"], call = file.call_date.isoformat(), replace(call, call_date=file.call_date)
        yield MetadataRow(call, row, place)
    if faults:
        raise SettingsError(faults)


def parse_metadata(row: Row, names: RoleNames) -> CallMetadata:
    """The typed form of a row.

    Raises:
        ValueError: started_at, call_date or roles cannot be read.
    """
    rest = dict(row)
    started_at = _parsed(rest, "started_at", dt.datetime.fromisoformat, "2026-11-21T09:30:00+01:00")
    call_date = _parsed(rest, "call_date", _day, "2026-11-21")
    if "roles" in rest:
        parse_roles(rest["roles"], names)
    return CallMetadata(
        call_id=rest.pop("call_id", None),
        agent_id=rest.pop("agent_id", None),
        queue=rest.pop("queue", None),
        started_at=started_at,
        call_date=call_date,
        extra=rest,
    )


def _day(text: str) -> dt.date:
    """A date; of a time stamp at midnight, as databases export dates, its day."""
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
