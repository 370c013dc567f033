"""Which call a recording is of, and when that call was."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
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
    """The columns of `recordings` that follow from listing, path and metadata.

    `started_at` and `modified_at` are in UTC; `call_date` is the local day in the archive's time zone. `extra` holds
    the path's other groups (a `role` or `channel`, where the legs of a call are files of their own) and the metadata's
    other columns.
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
    """A recording, the reason why it cannot be used, where there is one, and whether the metadata has its call."""

    recording: Recording
    refusal: Reason | None
    in_metadata: bool


def recording_id(archive_name: str, key: str) -> str:
    """24 hex digits that stay the same where the archive moves, as long as its name and the key do."""
    return hashlib.sha256(f"{archive_name}\0{key}".encode()).hexdigest()[:24]


def call_id_of(key: str, pattern: PathPattern | None, row: CallMetadata | None) -> str:
    """The call that a key names: by its path, else its manifest row, else the key itself."""
    path = (pattern.match(key) if pattern is not None else None) or {}
    return _text(path.get("call_id")) or (row.call_id if row else None) or key


def identify(
    info: ObjectInfo,
    uri: str,
    *,
    archive: ArchiveSettings,
    pattern: PathPattern | None,
    row: CallMetadata | None = None,
    calls: Sequence[CallMetadata] = (),
) -> Identity:
    """Names a recording: what its path says goes before its manifest `row`, and that before the metadata.

    `calls` are the rows of the metadata with its call_id. Of several, the row of the path's day counts. Failing all
    three, the call_id is the key and the call_date the day the object was written. A key that `pattern` does not match
    is named as if there were no pattern, and refused with `unmatched_path`.
    """
    matched = pattern.match(info.key) if pattern is not None else {}
    path = matched or {}
    call_id = _text(path.get("call_id")) or (row.call_id if row else None) or info.key
    of_day = _of_day(calls, path, ZoneInfo(archive.timezone))
    known = [values for values in (row, of_day) if values is not None]
    zone = ZoneInfo(archive.timezone)
    started_at = _utc(_moment(path) or _first([found.started_at for found in known]), zone)
    call_date, date_source = _call_date(path, known, info.modified_at, zone)
    extra: dict[str, str] = {}
    for found in reversed(known):
        extra |= found.extra
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
        agent_id=_text(path.get("agent_id")) or _first([found.agent_id for found in known]),
        queue=_text(path.get("queue")) or _first([found.queue for found in known]),
        extra=extra,
    )
    return Identity(recording, Reason.UNMATCHED_PATH if matched is None else None, of_day is not None)


def _of_day(calls: Sequence[CallMetadata], path: Mapping[str, Value], zone: ZoneInfo) -> CallMetadata | None:
    """The row of the path's day; where the path has no day, the only row there is."""
    moment, day = _moment(path), path.get("call_date")
    if not isinstance(day, dt.date):
        day = None if moment is None else _local_day(moment, zone)
    if day is None:
        return calls[0] if len(calls) == 1 else None
    return next((call for call in calls if _day_of(call, zone) in {day, None}), None)


def _day_of(call: CallMetadata, zone: ZoneInfo) -> dt.date | None:
    if call.call_date is not None:
        return call.call_date
    return None if call.started_at is None else _local_day(call.started_at, zone)


def _call_date(
    path: Mapping[str, Value], known: list[CallMetadata], modified_at: dt.datetime, zone: ZoneInfo
) -> tuple[dt.date, DateSource]:
    """The local day of the call, and who says so; a stated day goes before the day of a stated time."""
    day = path.get("call_date")
    if isinstance(day, dt.date):
        return day, "path"
    moment = _moment(path)
    if moment is not None:
        return _local_day(moment, zone), "path"
    for found in known:
        if found.call_date is not None:
            return found.call_date, "metadata"
        if found.started_at is not None:
            return _local_day(found.started_at, zone), "metadata"
    return _local_day(modified_at, zone), "object_time"


def _local_day(moment: dt.datetime, zone: ZoneInfo) -> dt.date:
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def _utc(moment: dt.datetime | None, zone: ZoneInfo) -> dt.datetime | None:
    """A naive time is local; one that clocks show twice in autumn is the earlier (PEP 495, fold 0)."""
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
