"""One run at a time: leases on a folder and on S3, taken over when they run out, and fences that keep the dead out."""

from __future__ import annotations

import datetime as dt
import pickle
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ser_core.data.storage import Storage, lease, open_storage
from ser_core.data.storage.lease import Fence, Lease, begun_before, held
from ser_core.errors import LeaseHeldError, LeaseLostError, StorageError
from tests.support.s3 import storage_settings

LONG_S, SHORT_S = 60.0, 0.4
KEY = "_lease/score/{:08d}.json"


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return open_storage(str(tmp_path / "root"), storage_settings())
    endpoint_url, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("s3_bucket")
    return open_storage(f"s3://{bucket}/tables", storage_settings(endpoint_url))


def killed(storage: Storage, run_id: str = "dead", expiry_s: float = SHORT_S) -> Fence:
    """The fence of a run that took the lease and was killed: nobody renews or releases it."""
    taken = Lease.take(storage, "score", run_id, "score", expiry_s)
    taken._stop.set()
    taken._thread.join()
    return taken.fence


def keys(storage: Storage) -> list[str]:
    return [info.key for info in storage.list("_lease/")]


def test_the_second_is_told_who_holds_it_and_until_when(storage: Storage) -> None:
    with held(storage, ("score",), "run-1", "nightly", LONG_S), pytest.raises(LeaseHeldError) as caught:
        Lease.take(storage, "score", "run-2", "score", LONG_S)
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert all(word in message for word in ("score", "nightly", "run-1", storage.uri))
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", message)) == 2


def test_a_released_lease_is_free_at_once_and_turns_count_up(storage: Storage) -> None:
    for turn in (1, 2, 3):
        with held(storage, ("score",), f"run-{turn}", "score", LONG_S) as fences:
            assert fences["score"].turn == turn
            fences["score"].check()
        assert keys(storage) == [KEY.format(turn)]


def test_other_kinds_and_other_roots_are_free(storage: Storage, tmp_path: Path) -> None:
    other = open_storage(str(tmp_path / "other"), storage_settings())
    with (
        held(storage, ("score",), "run-1", "score", LONG_S),
        held(storage, ("extract", "ingest"), "run-2", "nightly", LONG_S) as fences,
        held(other, ("score",), "run-3", "score", LONG_S),
    ):
        assert set(fences) == {"extract", "ingest"}


def test_where_one_of_several_is_held_the_others_are_let_go(storage: Storage) -> None:
    with held(storage, ("score",), "run-1", "score", LONG_S):
        with pytest.raises(LeaseHeldError), held(storage, ("extract", "score"), "run-2", "nightly", LONG_S):
            pytest.fail("was let in")
        Lease.take(storage, "extract", "run-3", "extract", LONG_S).release()


def test_an_error_lets_the_lease_go(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), held(storage, ("score",), "run-1", "score", LONG_S):
        raise ZeroDivisionError
    Lease.take(storage, "score", "run-2", "score", LONG_S).release()


def test_a_killed_run_is_taken_over_when_its_lease_has_run_out(storage: Storage) -> None:
    dead = killed(storage)
    with pytest.raises(LeaseHeldError, match="dead"):
        Lease.take(storage, "score", "run-2", "score", LONG_S)
    time.sleep(SHORT_S)
    with held(storage, ("score",), "run-2", "score", LONG_S) as fences:
        fences["score"].check()
        with pytest.raises(LeaseLostError, match=r"dead .* any more.*run-2"):
            dead.check()
        assert keys(storage) == [KEY.format(2)]


def test_tasks_of_a_dead_run_may_not_write_even_before_it_is_taken_over(storage: Storage) -> None:
    dead = pickle.loads(pickle.dumps(killed(storage)))
    time.sleep(0.8 * SHORT_S)  # less is left than a write may take
    with pytest.raises(LeaseLostError, match="driver is dead") as caught:
        dead.check()
    assert caught.value.exit_code == 3


@pytest.mark.slow
def test_a_live_run_renews(storage: Storage) -> None:
    with held(storage, ("score",), "run-1", "score", 2.0) as fences:
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            fences["score"].check()
            with pytest.raises(LeaseHeldError):
                Lease.take(storage, "score", "run-2", "score", 2.0)
            time.sleep(0.2)


@pytest.mark.slow
def test_of_many_that_start_at_once_one_gets_it(storage: Storage) -> None:
    for turn in range(5):
        barrier = threading.Barrier(8)

        def start(number: int, turn: int = turn, barrier: threading.Barrier = barrier) -> Lease | None:
            barrier.wait()
            try:
                return Lease.take(storage, "score", f"run-{turn}-{number}", "score", LONG_S)
            except LeaseHeldError:
                return None

        with ThreadPoolExecutor(8) as pool:
            got = [lease for lease in pool.map(start, range(8)) if lease is not None]
        assert len(got) == 1
        got[0].fence.check()
        got[0].release()


def test_a_run_that_has_lost_its_lease_hears_of_it_at_the_end(storage: Storage) -> None:
    with pytest.raises(LeaseLostError), held(storage, ("score",), "run-1", "score", LONG_S):
        text = storage.read(KEY.format(1)).replace(b"run-1", b"run-2")
        storage.put(KEY.format(2), text)


def test_an_answer_that_was_lost_is_no_rival(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    put = storage.put_if_absent

    def lose_the_answer(key: str, data: bytes) -> bool:
        put(key, data)
        return put(key, data)

    monkeypatch.setattr(storage, "put_if_absent", lose_the_answer)
    Lease.take(storage, "score", "run-1", "score", LONG_S).release()


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Has `act` done just before a taker writes its turn."""
    put, done = lease._put_first, []

    def put_late(*arguments: object) -> bool:
        if not done:
            done.append(True)
            act()
        return bool(put(*arguments))  # type: ignore[arg-type]

    monkeypatch.setattr(lease, "_put_first", put_late)


def test_who_is_overtaken_while_taking_over_stands_back(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(storage)
    time.sleep(SHORT_S)
    between(monkeypatch, lambda: storage.put(KEY.format(3), _text("quicker")))
    with pytest.raises(LeaseHeldError, match="quicker"):
        Lease.take(storage, "score", "slow", "score", LONG_S)
    assert KEY.format(2) not in keys(storage)


def test_a_lease_renewed_while_it_is_taken_over_stays(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(storage)
    time.sleep(SHORT_S)
    between(monkeypatch, lambda: storage.put(KEY.format(1), _text("alive after all")))
    with pytest.raises(LeaseHeldError, match="alive after all"):
        Lease.take(storage, "score", "eager", "score", LONG_S)
    assert keys(storage) == [KEY.format(1)]


def _text(run_id: str) -> bytes:
    now = dt.datetime.now(dt.UTC)
    return lease._text(lease.Holder(run_id, "score", now, now + dt.timedelta(seconds=LONG_S)))


def test_a_lease_that_cannot_be_released_spoils_nothing(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Lease.take(storage, "score", "run-1", "score", LONG_S)

    def fail(*_: object) -> None:
        raise StorageError("no network")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "put", fail)
        taken.release()


def test_what_a_live_run_began_is_no_leftover(storage: Storage) -> None:
    now = dt.datetime.now(dt.UTC)
    assert abs(begun_before(storage, LONG_S) - (now - dt.timedelta(seconds=LONG_S))) < dt.timedelta(seconds=10)
    with held(storage, ("extract",), "run-1", "extract", LONG_S):
        since = lease._last(storage, "extract")[1]
        assert since is not None
        time.sleep(0.1)
        assert begun_before(storage, 0.001) == since.since
    assert begun_before(storage, 0.001) > since.since
