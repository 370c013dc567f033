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
    """A recording, the reason why it cannot be used, where there is one, and whether the metadata has a row of it."""

    recording: Recording
    refusal: Reason | None
    in_metadata: bool


def recording_id(archive_name: str, key: str) -> str:
    """24 hex digits that stay the same where the archive moves, as long as its name and the key do."""
    return hashlib.sha256(f"{archive_name}\0{key}".encode()).hexdigest()[:24]


def metadata_keys(key: str, pattern: PathPattern | None, row: CallMetadata | None, timezone: str) -> tuple[str, str]:
    """Where the metadata of a recording is looked up: under its call and day, and under its call on any day.

    The call is that of the path, else of the manifest row, else the key. Where paths have no date, both are of any day.
    """
    path = (pattern.match(key) if pattern is not None else None) or {}
    call_id = _text(path.get("call_id")) or (row.call_id if row else None) or key
    day = _stated_day(path, row, ZoneInfo(timezone)) if pattern is not None and pattern.has_date else None
    return _metadata_key(call_id, day), _metadata_key(call_id, None)


def metadata_key(call: CallMetadata, pattern: PathPattern | None, timezone: str) -> str:
    """Under which of `metadata_keys` a row of the metadata is looked up."""
    by_day = pattern is not None and pattern.has_date
    return _metadata_key(call.call_id or "", _day_of(call, ZoneInfo(timezone)) if by_day else None)


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

    `calls` are the rows of the metadata with its call_id, one a day (`check_calls`). Of several, the row of the day in
    path or manifest counts; where neither has a day, the last row up to the day the object was written. Failing all
    three, the call_id is the key and the call_date the day the object was written. A key that `pattern` does not match
    is named as if there were no pattern, and refused with `unmatched_path`.
    """
    matched = pattern.match(info.key) if pattern is not None else {}
    path = matched or {}
    zone = ZoneInfo(archive.timezone)
    call_id = _text(path.get("call_id")) or (row.call_id if row else None) or info.key
    of_day = _of_day(calls, _stated_day(path, row, zone), _local_day(info.modified_at, zone), zone)
    known = [values for values in (row, of_day) if values is not None]
    started_at = _utc(_moment(path) or _first([values.started_at for values in known]), zone)
    call_date, date_source = _call_date(path, known, info.modified_at, zone)
    extra: dict[str, str] = {}
    for values in reversed(known):
        extra |= values.extra
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
        agent_id=_text(path.get("agent_id")) or _first([values.agent_id for values in known]),
        queue=_text(path.get("queue")) or _first([values.queue for values in known]),
        extra=dict(sorted(extra.items())),
    )
    return Identity(recording, Reason.UNMATCHED_PATH if matched is None else None, of_day is not None)


def check_calls(calls: Sequence[CallMetadata], timezone: str) -> None:
    """Refuses two rows of one call on one day: which of them counts is not known.

    Raises:
        ValueError: there are such rows.
    """
    seen: set[dt.date | None] = set()
    for call in calls:
        day = _day_of(call, ZoneInfo(timezone))
        if day in seen:
            of_day = f" on {day}" if day is not None else ""
            raise ValueError(f"the call_id {call.call_id!r} has two rows{of_day}: expected one row a call and day")
        seen.add(day)


def _of_day(
    calls: Sequence[CallMetadata], day: dt.date | None, written: dt.date, zone: ZoneInfo
) -> CallMetadata | None:
    """The row of `day`, else a row without a day; where `day` is not known, the last row up to the day `written`."""
    by_day = {_day_of(call, zone): call for call in calls}
    if day is not None:
        return by_day.get(day) or by_day.get(None)
    dated = sorted(call_day for call_day in by_day if call_day is not None)
    before = [call_day for call_day in dated if call_day <= written]
    if dated:
        return by_day[before[-1] if before else dated[0]]
    return by_day.get(None)


def _metadata_key(call_id: str, day: dt.date | None) -> str:
    return f"{day or ''}/{call_id}"


def _stated_day(path: Mapping[str, Value], row: CallMetadata | None, zone: ZoneInfo) -> dt.date | None:
    """The day in the path, else in the manifest."""
    moment, day = _moment(path), path.get("call_date")
    if isinstance(day, dt.date):
        return day
    if moment is not None:
        return _local_day(moment, zone)
    return None if row is None else _day_of(row, zone)


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
    for values in known:
        day = _day_of(values, zone)
        if day is not None:
            return day, "metadata"
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
