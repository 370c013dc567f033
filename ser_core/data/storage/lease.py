"""Leases: one run at a time for each kind of work below a root, and fences that stop runs which have lost theirs.

Each run that takes the lease creates the next turn by put-if-absent, so that only one of several runs succeeds. The
highest turn holds until its expiry. Only its holder rewrites it: to renew the lease, or to end it. The store needs
put-if-absent and consistent listings, nothing else; a store that ignores the condition is found out by a second put.

A run that takes over an expired lease reads the old turn again afterwards. If it was renewed meanwhile, the new turn is
withdrawn. The clocks of all machines must agree to within a quarter of the expiry.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NoReturn
from weakref import WeakSet

from ser_core.data.storage.base import Storage
from ser_core.data.storage.lease_turns import (
    Holder,
    begun_before,
    delete_turns_before,
    holders,
    last_turn,
    put_first,
    put_turn,
    read_turn,
    turn_key,
    utc_now,
)
from ser_core.errors import LeaseHeldError, LeaseLostError, StorageError

__all__ = ["Fence", "Holder", "Lease", "begun_before", "held", "holders", "touch_leases"]

_log = logging.getLogger(__name__)
_RENEWALS = 4  # per expiry
_WRITE_SHARE = 0.5  # of the expiry: after two failed renewals, so much is left for a write to end in
_LOOK_AGAIN_S = 1.0
_TRIES = 10
_MOMENT = "%Y-%m-%d %H:%M:%S"
_RUN_AGAIN = "Its rows are kept; run the job again for the rest."


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
        """One listing and one small read; where a renewal is late, as after an outage of the store, it waits for it.

        Raises:
            LeaseLostError: another run has the lease, or it was not renewed.
        """
        while (left_s := self._left_s()) < self.margin_s:
            if left_s <= 0.0:
                self._refuse(f"its lease has run out; the driver is dead, or cannot reach {self.storage.uri}")
            time.sleep(min(left_s, _LOOK_AGAIN_S))

    def _left_s(self) -> float:
        turn, holder = last_turn(self.storage, self.kind)
        if holder is None:
            self._refuse("its lease has been removed")
        if (turn, holder.run_id) != (self.turn, self.run_id):
            self._refuse(f"run {holder.run_id} ({holder.job}) has taken over")
        if holder.stalled:
            self._refuse("it has made no progress for lease.stall_s")
        return (holder.expires - utc_now()).total_seconds()

    def _refuse(self, why: str) -> NoReturn:
        raise LeaseLostError(f"Run {self.run_id} may not write {self.kind} any more: {why}. {_RUN_AGAIN}")


class Lease:
    """A held lease, renewed by a thread until it is released or its run makes no progress for `stall_s`."""

    def __init__(self, fence: Fence, holder: Holder, expiry_s: float, stall_s: float = math.inf) -> None:
        self.fence = fence
        self._holder, self._expiry_s, self._stall_s = holder, expiry_s, stall_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{fence.kind}", daemon=True)
        self.touch()

    @classmethod
    def take(
        cls, storage: Storage, kind: str, run_id: str, job: str, expiry_s: float, stall_s: float = math.inf
    ) -> Lease:
        """Takes the lease of `kind` and starts to renew it.

        Raises:
            LeaseHeldError: another run holds it.
            StorageError: the store knows no put-if-absent.
        """
        for _ in range(_TRIES):
            last, holder = last_turn(storage, kind)
            _refuse_if_held(storage, kind, holder)
            now = utc_now()
            ours = Holder(run_id, job, now, now + dt.timedelta(seconds=expiry_s))
            if not put_first(storage, kind, last + 1, ours):
                continue
            before = read_turn(storage, kind, last) if last else None
            if last_turn(storage, kind)[0] != last + 1 or (before and before.expires > utc_now()):
                storage.delete(turn_key(kind, last + 1))
                _refuse_if_held(storage, kind, before)
                continue
            delete_turns_before(storage, kind, last + 1)
            lease = cls(Fence(storage, kind, last + 1, run_id, expiry_s * _WRITE_SHARE), ours, expiry_s, stall_s)
            lease._thread.start()
            return lease
        raise LeaseHeldError(
            f"The lease of {kind} below {storage.uri} could not be taken: other runs tried at the same moment, "
            f"{_TRIES} times. Start one run at a time."
        )

    def touch(self) -> None:
        """Notes that the run makes progress. From any thread."""
        self._touched = time.monotonic()

    def release(self) -> None:
        """Ends the lease now, unless another run has it."""
        self._stop.set()
        self._thread.join()
        fence = self.fence
        try:
            if last_turn(fence.storage, fence.kind)[0] == fence.turn:
                put_turn(fence.storage, fence.kind, fence.turn, self._holder._replace(expires=utc_now()))
        except StorageError as error:  # the run has ended, whatever happens to its lease
            _log.warning("the lease of %s could not be released and will expire: %s", fence.kind, error)

    def _keep(self) -> None:
        usual_s = self._expiry_s / _RENEWALS
        pause_s = min(usual_s, self._stall_s)
        while not self._stop.wait(pause_s):
            pause_s = usual_s
            try:
                if last_turn(self.fence.storage, self.fence.kind)[0] != self.fence.turn:
                    _log.error("the lease of %s is lost: another run has it, this one will stop", self.fence.kind)
                elif self._left_to_stall_s() <= 0.0:
                    self._give_up()
                    return
                else:
                    self._write(self._holder._replace(expires=utc_now() + dt.timedelta(seconds=self._expiry_s)))
                    pause_s = min(usual_s, max(self._left_to_stall_s(), 0.0))
            except StorageError as error:
                _log.warning("the lease of %s could not be renewed; a new attempt follows: %s", self.fence.kind, error)

    def _left_to_stall_s(self) -> float:
        return self._touched + self._stall_s - time.monotonic()

    def _give_up(self) -> None:
        """Says that the run stands still. The lease keeps its expiry, by which writes that have begun must end."""
        self._write(self._holder._replace(stalled=True))
        _log.error(
            "%s %s has made no progress for %.0f s (lease.stall_s): its lease of %s is not renewed, and it may write "
            "no more. Find out what it waits for, end it and run it again",
            self._holder.job,
            self._holder.run_id,
            self._stall_s,
            self.fence.kind,
        )

    def _write(self, holder: Holder) -> None:
        put_turn(self.fence.storage, self.fence.kind, self.fence.turn, holder)
        self._holder = holder


_held: WeakSet[Lease] = WeakSet()


def touch_leases() -> None:
    """Notes that the run of this process makes progress: for all leases that it holds. From any thread."""
    for lease in list(_held):
        lease.touch()


@contextmanager
def held(
    storage: Storage, kinds: Sequence[str], run_id: str, job: str, expiry_s: float, stall_s: float = math.inf
) -> Iterator[dict[str, Fence]]:
    """Holds the leases of `kinds` while the block runs; gives their fences by kind.

    Args:
        storage: the root.
        kinds: of work.
        run_id: of the run.
        job: of the run.
        expiry_s: seconds until the leases are free, where the process is killed.
        stall_s: seconds without `touch_leases` after which the leases are not renewed.

    Raises:
        LeaseHeldError: another run holds one of them; the others are released.
        LeaseLostError: at the end of the block, if one was lost.
    """
    with ExitStack() as stack:
        fences = {}
        for kind in sorted(kinds):
            lease = Lease.take(storage, kind, run_id, job, expiry_s, stall_s)
            stack.callback(lease.release)
            _held.add(lease)
            fences[kind] = lease.fence
        yield fences
        for fence in fences.values():
            fence.check()


def _refuse_if_held(storage: Storage, kind: str, holder: Holder | None) -> None:
    if holder is not None and holder.expires > utc_now():
        stalled = " It has made no progress for lease.stall_s." if holder.stalled else ""
        raise LeaseHeldError(
            f"Another run holds the lease of {kind} below {storage.uri}: {holder.job} {holder.run_id}, since "
            f"{holder.since:{_MOMENT}} UTC.{stalled} Start again when it has ended. If it was killed, the lease is "
            f"free after {holder.expires:{_MOMENT}} UTC."
        )
