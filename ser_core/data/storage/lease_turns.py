"""The objects of leases: `_state/lease/<kind>/<turn>.json`, of which the highest turn counts."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from ser_core.data.storage.base import Storage
from ser_core.errors import StorageError

LEASES = "_state/lease/"
_TURN = re.compile(r"/(\d{8})\.json$")
_TRIES = 10


class Holder(NamedTuple):
    """The run that holds a lease; times are UTC. A run that is `stalled` makes no progress and renews no more."""

    run_id: str
    job: str
    since: dt.datetime
    expires: dt.datetime
    stalled: bool = False


def utc_now() -> dt.datetime:
    """The moment by this machine's clock."""
    return dt.datetime.now(dt.UTC)


def put_turn(storage: Storage, kind: str, turn: int, holder: Holder) -> None:
    """Writes or replaces a turn."""
    storage.put(turn_key(kind, turn), holder_text(holder))


def put_first(storage: Storage, kind: str, turn: int, holder: Holder) -> bool:
    """Whether this run created the turn. After a lost answer, the object says so.

    Raises:
        StorageError: the store has accepted the same turn twice.
    """
    key, text = turn_key(kind, turn), holder_text(holder)
    if not storage.put_if_absent(key, text):
        existing = read_turn(storage, kind, turn)
        return existing is not None and existing.run_id == holder.run_id
    if storage.put_if_absent(key, text) and last_turn(storage, kind)[0] == turn:
        storage.delete(key)
        raise StorageError(
            f"{storage.uri_of(key)} was written twice although it must not exist: this store ignores If-None-Match, so "
            "two runs could write at once. Use an S3 service with conditional writes, or ask its maker for them"
        )
    return True


def read_turn(storage: Storage, kind: str, turn: int) -> Holder | None:
    """The holder of a turn; None where there is no such turn."""
    text = storage.read_or_none(turn_key(kind, turn))
    if text is None:
        return None
    kept = json.loads(text)
    since, expires = (dt.datetime.fromisoformat(kept[name]) for name in ("since", "expires"))
    return Holder(kept["run_id"], kept["job"], since, expires, kept["stalled"])


def last_turn(storage: Storage, kind: str) -> tuple[int, Holder | None]:
    """The last turn and its holder, by one listing and one read; 0 and None where there is none."""
    for _ in range(_TRIES):
        turns = list(_turns(storage, kind))
        if not turns:
            return 0, None
        holder = read_turn(storage, kind, max(turns))
        if holder is not None:  # else a later turn was taken, or this one withdrawn
            return max(turns), holder
    raise StorageError(f"{storage.uri}/{LEASES}{kind}/ is listed, but its objects cannot be read: check the storage")


def delete_turns_before(storage: Storage, kind: str, turn: int) -> None:
    """Removes the turns of earlier holders."""
    for earlier, key in _turns(storage, kind).items():
        if earlier < turn:
            storage.delete(key)


def holders(storage: Storage) -> dict[str, Holder]:
    """The runs that hold leases below the root now, by kind of work."""
    kinds = {info.key.removeprefix(LEASES).partition("/")[0] for info in storage.list(LEASES)}
    last = {kind: last_turn(storage, kind)[1] for kind in sorted(kinds)}
    return {kind: holder for kind, holder in last.items() if holder is not None and holder.expires > utc_now()}


def begun_before(storage: Storage, expiry_s: float) -> dt.datetime:
    """The moment before which unfinished writes belong to no live run.

    It is an expiry ago, or the start of the oldest live run below the root, whichever is earlier.
    """
    return min([utc_now() - dt.timedelta(seconds=expiry_s), *(holder.since for holder in holders(storage).values())])


def turn_key(kind: str, turn: int) -> str:
    """Key of a turn."""
    return f"{LEASES}{kind}/{turn:08d}.json"


def holder_text(holder: Holder) -> bytes:
    """What a turn's object holds."""
    return json.dumps(holder._asdict(), default=dt.datetime.isoformat).encode()


def _turns(storage: Storage, kind: str) -> Mapping[int, str]:
    keys = (info.key for info in storage.list(f"{LEASES}{kind}/"))
    return {int(match[1]): key for key in keys if (match := _TURN.search(key))}
