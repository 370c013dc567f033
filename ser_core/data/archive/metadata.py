"""What a contact centre's systems know of a call, from a file with one row a call."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ser_core.config.settings import StorageSettings
from ser_core.data.archive.role_words import RoleNames, parse_roles
from ser_core.data.archive.row_files import Row, check_column, read_rows
from ser_core.data.storage import locate
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


def metadata_uris(uri: str, dates: Sequence[dt.date] | None, settings: StorageSettings) -> list[str]:
    """The files that `archive.metadata` names: itself, or, where it has `{call_date}`, the existing files of `dates`.

    Without dates these are all files that match. `{call_date}` may have a format, as `{call_date:%Y%m%d}`.

    Raises:
        SettingsError: a single file is missing, or has no column `call_id`.
    """
    if "{call_date" not in uri:
        check_column(uri, "call_id", settings)
        return [uri]
    if dates is not None:
        named = [_named(uri, date) for date in dates]
    else:
        storage, _ = locate(uri.partition("{")[0].rpartition("/")[0] + "/x", settings)
        pattern = re.compile(re.sub(r"\\\{call_date.*?\\\}", ".+", re.escape(uri.rpartition("/")[2])))
        named = [storage.uri_of(info.key) for info in storage.list() if pattern.fullmatch(info.key.rpartition("/")[2])]
    return [name for name in named if _exists(name, settings)]


def read_metadata(uri: str, names: RoleNames, settings: StorageSettings) -> Iterator[tuple[str, Row]]:
    """call_id and values of each row of a CSV or Parquet file with a column `call_id`, as text.

    Known columns: agent_id, queue, started_at and call_date (ISO 8601), roles (`0=agent,1=customer`).

    Raises:
        SettingsError: a call_id that is empty, or twice with the same day, or values that cannot be read.
    """
    faults: list[str] = []
    seen: set[int] = set()
    for number, row in read_rows(uri, "call_id", settings):
        try:
            call = parse_metadata(row, names)
            if call.call_id is None:
                raise ValueError("has no call_id")
            mark = hash((call.call_id, call.call_date, call.started_at))
            if mark in seen:
                raise ValueError(f"has the call_id {call.call_id!r} of an earlier row: expected one row a call and day")
            seen.add(mark)
        except ValueError as error:
            faults.append(f"{uri}, row {number}: {error}")
            if len(faults) == _MAX_FAULTS:
                break
            continue
        yield call.call_id, row
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


def _named(uri: str, date: dt.date) -> str:
    return re.sub(r"\{call_date(?::([^}]*))?\}", lambda match: date.strftime(match[1] or "%Y-%m-%d"), uri)


def _exists(uri: str, settings: StorageSettings) -> bool:
    storage, key = locate(uri, settings)
    return storage.exists(key)


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
