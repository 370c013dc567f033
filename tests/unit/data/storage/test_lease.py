"""One run at a time: leases on a folder and on S3, taken over when they run out, and fences that keep the dead out."""

from __future__ import annotations

import datetime as dt
import logging
import pickle
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ser_core.config.settings import StorageSettings
from ser_core.data.storage import Storage, lease, open_storage, requests
from ser_core.data.storage.lease import Fence, Holder, Lease, begun_before, held, holders, touch_leases
from ser_core.data.storage.lease_turns import holder_text, last_turn
from ser_core.errors import LeaseHeldError, LeaseLostError, StorageError
from tests.support.faults import faulty
from tests.support.s3 import environment, storage_settings
from tests.support.s3_server import client_of, real_server

LONG_S, SHORT_S = 60.0, 0.4
KEY = "_state/lease/score/{:08d}.json"


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
    return [info.key for info in storage.list("_state/lease/")]


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
    time.sleep(0.6 * SHORT_S)  # less is left than a write may take
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
    for turn in range(2):
        barrier = threading.Barrier(16)

        def start(number: int, turn: int = turn, barrier: threading.Barrier = barrier) -> Lease | None:
            barrier.wait()
            try:
                return Lease.take(storage, "score", f"run-{turn}-{number}", "score", LONG_S)
            except LeaseHeldError:
                return None

        with ThreadPoolExecutor(16) as pool:
            got = [lease for lease in pool.map(start, range(16)) if lease is not None]
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


def test_a_renewal_that_is_late_is_waited_for(storage: Storage) -> None:
    """As after an outage of the store, which keeps renewals and writes waiting alike."""
    fence = killed(storage, "late", 2.0)
    time.sleep(1.2)
    holder = last_turn(storage, "score")[1]
    assert holder is not None
    renewed = holder._replace(expires=holder.expires + dt.timedelta(seconds=60))
    timer = threading.Timer(0.3, lambda: storage.put(KEY.format(1), holder_text(renewed)))
    timer.start()
    fence.check()
    assert timer.finished.is_set()
    timer.join()


def test_what_a_lease_costs_does_not_grow_with_the_tables(storage: Storage) -> None:
    def cost() -> dict[str, int]:
        before = requests()
        with held(storage, ("score",), "run-1", "score", LONG_S) as fences:
            fences["score"].check()
            begun_before(storage, LONG_S)
        return {kind: count - before[kind] for kind, count in requests().items()}

    storage.put("features/x.parquet", b"1")
    cost()
    new = cost()
    for day in range(1, 29):
        for table in ("channels", "features", "runs"):
            storage.put(f"{table}/call_date=2026-03-{day:02}/x.parquet", b"1")
    assert cost() == new
    assert new["get"] <= 8
    assert new["list"] <= 10


def test_a_run_without_progress_loses_its_lease(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(LeaseLostError, match=r"no progress for lease\.stall_s"),
        held(storage, ("score",), "run-1", "score", 4.0, stall_s=1.0) as fences,
    ):
        for _ in range(5):
            time.sleep(0.4)
            touch_leases()
        fences["score"].check()
        assert not holders(storage)["score"].stalled
        time.sleep(1.6)
        assert holders(storage)["score"].stalled
        with pytest.raises(LeaseHeldError, match=r"made no progress.*is free after"):
            Lease.take(storage, "score", "run-2", "score", LONG_S)
        touch_leases()  # too late
        with pytest.raises(LeaseLostError, match=r"no progress"):
            fences["score"].check()
    assert "score run-1 has made no progress for 1 s (lease.stall_s)" in caplog.text
    Lease.take(storage, "score", "run-3", "score", LONG_S).release()


def test_a_stalled_run_is_taken_over_when_its_lease_has_run_out(storage: Storage) -> None:
    with pytest.raises(LeaseLostError), held(storage, ("score",), "run-1", "score", 1.0, stall_s=0.3) as fences:
        time.sleep(1.5)
        with held(storage, ("score",), "run-2", "score", LONG_S) as others:
            others["score"].check()
            with pytest.raises(LeaseLostError, match="run-2"):
                fences["score"].check()


def test_a_store_that_ignores_the_condition_is_named(moto_url: str, moto_bucket: str) -> None:
    with faulty(moto_url, share=1.0, kinds=("condition_lost",)) as proxy:
        careless = open_storage(f"s3://{moto_bucket}/tables", storage_settings(proxy.url))
        for _ in range(2):  # nothing is left that would look like a lease
            with pytest.raises(StorageError, match=r"ignores If-None-Match.*Use an S3 service") as caught:
                Lease.take(careless, "score", "run-1", "score", LONG_S)
            assert type(caught.value) is StorageError
    careful = open_storage(f"s3://{moto_bucket}/tables", storage_settings(moto_url))
    Lease.take(careful, "score", "run-1", "score", LONG_S).release()


@pytest.mark.slow
def test_a_lease_outlasts_a_restart_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    with real_server() as server:
        for name, value in environment(server.key, server.secret).items():
            monkeypatch.setenv(name, value)
        client_of(server.url, server.key, server.secret).create_bucket(Bucket="tables")
        s3 = storage_settings(server.url, outage_s=8.0).s3.model_copy(update={"read_timeout_s": 2.0})
        storage = open_storage("s3://tables/x", StorageSettings(s3=s3))
        with held(storage, ("score",), "run-1", "score", 2 * s3.longest_call_s) as fences:
            for _ in range(2):
                server.kill()
                time.sleep(5.0)
                server.start()
                fences["score"].check()
                with pytest.raises(LeaseHeldError):
                    Lease.take(storage, "score", "run-2", "score", LONG_S)


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Has `act` done just before a taker writes its turn."""
    put, done = lease.put_first, []

    def put_late(*arguments: object) -> bool:
        if not done:
            done.append(True)
            act()
        return bool(put(*arguments))  # type: ignore[arg-type]

    monkeypatch.setattr(lease, "put_first", put_late)


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
    return holder_text(Holder(run_id, "score", now, now + dt.timedelta(seconds=LONG_S)))


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
        since = last_turn(storage, "extract")[1]
        assert since is not None
        time.sleep(0.1)
        assert begun_before(storage, 0.001) == since.since
    assert begun_before(storage, 0.001) > since.since
