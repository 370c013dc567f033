"""The call and the date of a recording."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from ser_core.config.settings import ArchiveSettings
from ser_core.data.archive.metadata import CallMetadata
from ser_core.data.archive.path_pattern import PathPattern, Value
from ser_core.data.storage import ObjectInfo
from ser_core.errors import Reason

_T = TypeVar("_T")
DateSource = Literal["path", "metadata", "object_time"]
_COLUMNS = frozenset({"call_id", "agent_id", "queue", "started_at", "call_date"})


@dataclass(frozen=True)
class Recording:
    """Columns of `recordings` from listing, path and metadata.

    `started_at` and `modified_at` are in UTC; `call_date` is the local day in the archive's time zone. `extra` holds
    the path's other groups (`role` or `channel`, where each leg of a call is a file) and the metadata's other columns.
    """

    recording_id: str
    uri: str
    version: str
    size_bytes: int
    modified_at: dt.datetime
    call_id: str
    call_date: dt.date
    call_date_source: DateSource
    started_at: dt.datetime | None
    agent_id: str | None
    queue: str | None
    extra: Mapping[str, str]


class Identity(NamedTuple):
    """A recording, and the reason for refusing it, if any."""

    recording: Recording
    refusal: Reason | None


def recording_id(archive_name: str, key: str) -> str:
    """24 hex digits from the archive's name and the key; they stay the same when the archive moves."""
    return hashlib.sha256(f"{archive_name}\0{key}".encode()).hexdigest()[:24]


def identify(
    info: ObjectInfo,
    uri: str,
    *,
    archive: ArchiveSettings,
    pattern: PathPattern | None,
    row: CallMetadata | None = None,
    calls: Mapping[str, CallMetadata] | None = None,
) -> Identity:
    """Identify a recording by its path, then by its manifest `row`, then by the row of `calls` with its call_id.

    Without any of these, the call_id is the key and the call_date the day the object was written. A key that `pattern`
    does not match is identified as if there were no pattern, and refused with `unmatched_path`.
    """
    matched = pattern.match(info.key) if pattern is not None else {}
    path = matched or {}
    call_id = _text(path.get("call_id")) or (row.call_id if row else None) or info.key
    rows = [known for known in (row, (calls or {}).get(call_id)) if known is not None]
    zone = ZoneInfo(archive.timezone)
    started_at = _utc(_moment(path) or _first([known.started_at for known in rows]), zone)
    call_date, date_source = _call_date(path, rows, info.modified_at, zone)
    extra: dict[str, str] = {}
    for known in reversed(rows):
        extra |= known.extra
    extra |= {name: value for name, value in path.items() if name not in _COLUMNS and isinstance(value, str)}
    recording = Recording(
        recording_id=recording_id(archive.name, info.key),
        uri=uri,
        version=info.version,
        size_bytes=info.size_bytes,
        modified_at=info.modified_at,
        call_id=call_id,
        call_date=call_date,
        call_date_source=date_source,
        started_at=started_at,
        agent_id=_text(path.get("agent_id")) or _first([known.agent_id for known in rows]),
        queue=_text(path.get("queue")) or _first([known.queue for known in rows]),
        extra=extra,
    )
    return Identity(recording, Reason.UNMATCHED_PATH if matched is None else None)


def _call_date(
    path: Mapping[str, Value], rows: list[CallMetadata], modified_at: dt.datetime, zone: ZoneInfo
) -> tuple[dt.date, DateSource]:
    """The local day of the call and its source; a date takes precedence over the day of a time."""
    day = path.get("call_date")
    if isinstance(day, dt.date):
        return day, "path"
    moment = _moment(path)
    if moment is not None:
        return _local_day(moment, zone), "path"
    for row in rows:
        if row.call_date is not None:
            return row.call_date, "metadata"
        if row.started_at is not None:
            return _local_day(row.started_at, zone), "metadata"
    return _local_day(modified_at, zone), "object_time"


def _local_day(moment: dt.datetime, zone: ZoneInfo) -> dt.date:
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def _utc(moment: dt.datetime | None, zone: ZoneInfo) -> dt.datetime | None:
    """A naive time is local; of two equal local times in autumn, it is the earlier (PEP 495, fold 0)."""
    if moment is None:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(dt.UTC)


def _moment(path: Mapping[str, Value]) -> dt.datetime | None:
    value = path.get("started_at")
    return value if isinstance(value, dt.datetime) else None


def _text(value: Value | None) -> str | None:
    return value if isinstance(value, str) else None


def _first(values: list[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
