"""Leases: one run at a time for each kind of work below a root, and fences that stop runs which have lost theirs.

A lease is an object `_lease/<kind>/<turn>.json`. Each run that takes the lease creates the next turn by put-if-absent,
so that only one of several runs succeeds. The highest turn holds until its expiry. Only its holder rewrites it: to
renew the lease, or to end it. The store needs put-if-absent and consistent listings, nothing else.

A run that takes over an expired lease reads the old turn again afterwards. If it was renewed meanwhile, the new turn is
withdrawn. The clocks of all machines must agree to within a quarter of the expiry.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from ser_core.data.storage.base import Storage
from ser_core.errors import LeaseHeldError, LeaseLostError, ObjectMissingError, StorageError

_log = logging.getLogger(__name__)
_ROOT = "_lease/"
_TURN = re.compile(r"/(\d{8})\.json$")
_RENEWALS = 4  # per expiry; after three have failed, the last quarter is left for a write to end in
_TRIES = 10
_MOMENT = "%Y-%m-%d %H:%M:%S"


class Holder(NamedTuple):
    """The run that holds a lease; times are UTC."""

    run_id: str
    job: str
    since: dt.datetime
    expires: dt.datetime


@dataclass(frozen=True)
class Fence:
    """The right to write that a lease gives. Picklable: tasks check it before they write.

    A task can overwrite a newer result only if a write that has begun hangs for longer than `margin_s`.
    """

    storage: Storage
    kind: str
    turn: int
    run_id: str
    margin_s: float

    def check(self) -> None:
        """One listing and one small read.

        Raises:
            LeaseLostError: another run has the lease, or it was not renewed.
        """
        turn, holder = _last(self.storage, self.kind)
        if holder is None or (turn, holder.run_id) != (self.turn, self.run_id):
            by = f"run {holder.run_id} ({holder.job}) has taken over" if holder else "its lease has been removed"
            raise LeaseLostError(f"Run {self.run_id} may not write {self.kind} any more: {by}. {_RUN_AGAIN}")
        left_s = (holder.expires - _now()).total_seconds()
        if left_s < self.margin_s:
            raise LeaseLostError(
                f"Run {self.run_id} may not write {self.kind} any more: its lease has {max(left_s, 0.0):.0f} s left, "
                f"and a write needs {self.margin_s:.0f} s; the driver is dead, or cannot reach {self.storage.uri}. "
                f"{_RUN_AGAIN}"
            )


_RUN_AGAIN = "Its rows are kept; run the job again for the rest."


class Lease:
    """A held lease, renewed by a thread until it is released."""

    def __init__(self, fence: Fence, holder: Holder, expiry_s: float) -> None:
        self.fence = fence
        self._holder, self._expiry_s = holder, expiry_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{fence.kind}", daemon=True)

    @classmethod
    def take(cls, storage: Storage, kind: str, run_id: str, job: str, expiry_s: float) -> Lease:
        """Takes the lease of `kind` and starts to renew it.

        Raises:
            LeaseHeldError: another run holds it.
        """
        for _ in range(_TRIES):
            last, holder = _last(storage, kind)
            _refuse_if_held(storage, kind, holder)
            now = _now()
            ours = Holder(run_id, job, now, now + dt.timedelta(seconds=expiry_s))
            if not _put_first(storage, kind, last + 1, ours):
                continue
            before = _read(storage, kind, last) if last else None
            if _last(storage, kind)[0] != last + 1 or (before and before.expires > _now()):
                storage.delete(_key(kind, last + 1))
                _refuse_if_held(storage, kind, before)
                continue
            _delete_before(storage, kind, last + 1)
            lease = cls(Fence(storage, kind, last + 1, run_id, expiry_s / _RENEWALS), ours, expiry_s)
            lease._thread.start()
            return lease
        raise LeaseHeldError(
            f"The lease of {kind} below {storage.uri} could not be taken: other runs tried at the same moment, "
            f"{_TRIES} times. Start one run at a time."
        )

    def release(self) -> None:
        """Ends the lease now, unless another run has it."""
        self._stop.set()
        self._thread.join()
        fence = self.fence
        try:
            if _last(fence.storage, fence.kind)[0] == fence.turn:
                fence.storage.put(_key(fence.kind, fence.turn), _text(self._holder._replace(expires=_now())))
        except StorageError as error:  # the run has ended, whatever happens to its lease
            _log.warning("the lease of %s could not be released and will expire: %s", fence.kind, error)

    def _keep(self) -> None:
        fence = self.fence
        while not self._stop.wait(self._expiry_s / _RENEWALS):
            try:
                turn, _ = _last(fence.storage, fence.kind)
                if turn != fence.turn:
                    _log.error("the lease of %s is lost: another run has it, this one will stop", fence.kind)
                    continue  # the other run may withdraw
                self._holder = self._holder._replace(expires=_now() + dt.timedelta(seconds=self._expiry_s))
                fence.storage.put(_key(fence.kind, fence.turn), _text(self._holder))
            except StorageError as error:
                _log.warning("the lease of %s could not be renewed; the next attempt follows: %s", fence.kind, error)


@contextmanager
def held(storage: Storage, kinds: Sequence[str], run_id: str, job: str, expiry_s: float) -> Iterator[dict[str, Fence]]:
    """Holds the leases of `kinds` while the block runs; gives their fences by kind.

    Raises:
        LeaseHeldError: another run holds one of them; the others are released.
        LeaseLostError: at the end of the block, if one was lost.
    """
    with ExitStack() as stack:
        fences = {}
        for kind in sorted(kinds):
            lease = Lease.take(storage, kind, run_id, job, expiry_s)
            stack.callback(lease.release)
            fences[kind] = lease.fence
        yield fences
        for fence in fences.values():
            fence.check()


def begun_before(storage: Storage, expiry_s: float) -> dt.datetime:
    """The moment before which unfinished writes belong to no live run.

    It is an expiry ago, or the start of the oldest live run below the root, whichever is earlier.
    """
    return min([_now() - dt.timedelta(seconds=expiry_s), *(holder.since for holder in holders(storage).values())])


def holders(storage: Storage) -> dict[str, Holder]:
    """The runs that hold leases below the root now, by kind of work."""
    kinds = {info.key.removeprefix(_ROOT).partition("/")[0] for info in storage.list(_ROOT)}
    last = {kind: _last(storage, kind)[1] for kind in sorted(kinds)}
    return {kind: holder for kind, holder in last.items() if holder is not None and holder.expires > _now()}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _key(kind: str, turn: int) -> str:
    return f"{_ROOT}{kind}/{turn:08d}.json"


def _text(holder: Holder) -> bytes:
    return json.dumps(holder._asdict(), default=dt.datetime.isoformat).encode()


def _read(storage: Storage, kind: str, turn: int) -> Holder | None:
    try:
        lease: Mapping[str, str] = json.loads(storage.read(_key(kind, turn)))
    except ObjectMissingError:
        return None
    times = (dt.datetime.fromisoformat(lease[name]) for name in ("since", "expires"))
    return Holder(lease["run_id"], lease["job"], *times)


def _last(storage: Storage, kind: str) -> tuple[int, Holder | None]:
    """The last turn and its holder; 0 and None where there is none."""
    for _ in range(_TRIES):
        turns = [int(match[1]) for info in storage.list(f"{_ROOT}{kind}/") if (match := _TURN.search(info.key))]
        if not turns:
            return 0, None
        holder = _read(storage, kind, max(turns))
        if holder is not None:  # else a later turn was taken, or this one withdrawn
            return max(turns), holder
    raise StorageError(f"{storage.uri}/{_ROOT}{kind}/ is listed, but its objects cannot be read: check the storage")


def _put_first(storage: Storage, kind: str, turn: int, holder: Holder) -> bool:
    """Whether this run created the turn. After a lost answer, the object says so."""
    if storage.put_if_absent(_key(kind, turn), _text(holder)):
        return True
    existing = _read(storage, kind, turn)
    return existing is not None and existing.run_id == holder.run_id


def _delete_before(storage: Storage, kind: str, turn: int) -> None:
    for info in storage.list(f"{_ROOT}{kind}/"):
        match = _TURN.search(info.key)
        if match and int(match[1]) < turn:
            storage.delete(info.key)


def _refuse_if_held(storage: Storage, kind: str, holder: Holder | None) -> None:
    if holder is not None and holder.expires > _now():
        raise LeaseHeldError(
            f"Another run holds the lease of {kind} below {storage.uri}: {holder.job} {holder.run_id}, since "
            f"{holder.since:{_MOMENT}} UTC. Start again when it has ended. If it was killed, the lease is free after "
            f"{holder.expires:{_MOMENT}} UTC."
        )
