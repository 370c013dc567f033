"""S3 that fails: requests survive every kind of fault, and outages; permanent faults are reported."""

from __future__ import annotations

import datetime as dt
import logging
import random
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ser_core.data.storage import S3Storage, requests, retries
from ser_core.data.storage.base import Storage
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, StorageError
from tests.support.faults import KINDS, faulty
from tests.support.s3 import environment, storage_settings
from tests.support.s3_server import client_of, real_server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ser_core.data.storage.s3_retry._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("ser_core.data.storage.s3_retry._LONGEST_PAUSE_S", 0.05)


def through(url: str, bucket: str, attempts: int = 10, timeout_s: float = 0.3, outage_s: float = 60.0) -> S3Storage:
    settings = storage_settings(url, outage_s).s3
    few = {"max_attempts": attempts, "read_timeout_s": timeout_s, "connect_timeout_s": 2.0}
    return S3Storage(bucket, "top", settings.model_copy(update=few))


def use(storage: Storage, seed: int) -> dict[str, bytes]:
    """Writes, replaces, lists, reads and deletes; the objects expected after it."""
    rng = random.Random(seed)
    expected: dict[str, bytes] = {}
    for number in range(15):
        key, data = f"d{number % 3}/{number:02}", rng.randbytes(rng.randrange(1, 3000))
        storage.put(key, b"old")
        storage.put(key, data)
        expected[key] = data
        assert storage.put_if_absent(key, b"never") is False
    for key in list(expected)[::4]:
        storage.delete(key)
        del expected[key]
    return expected


def check(storage: Storage, expected: dict[str, bytes]) -> None:
    for _ in range(2):
        assert [info.key for info in storage.list()] == sorted(expected)
        assert {key: storage.read(key) for key in expected} == expected
        assert {key: storage.info(key).size_bytes for key in expected} == {k: len(v) for k, v in expected.items()}
    assert list(storage.children()) == ["d0/", "d1/", "d2/"]


@pytest.mark.slow
def test_faults_of_every_kind_change_nothing_and_are_counted(s3_server: str, s3_bucket: str) -> None:
    before = retries()
    with faulty(s3_server, seed=3, hang_s=0.4) as proxy:
        storage = through(proxy.url, s3_bucket)
        expected = use(storage, 1)
        check(storage, expected)
    assert set(proxy.suffered) == set(KINDS)
    assert sum(proxy.suffered.values()) > 0.1 * proxy.requests
    assert retries() - before >= sum(proxy.suffered.values())  # more where this machine was slow to answer
    check(through(s3_server, s3_bucket), expected)


@pytest.mark.slow
def test_without_faults_nothing_is_repeated(s3_server: str, s3_bucket: str) -> None:
    before = retries()
    with faulty(s3_server, share=0.0) as proxy:
        storage = through(proxy.url, s3_bucket, timeout_s=30.0)
        check(storage, use(storage, 1))
    assert retries() == before


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("throttled", r"SlowDown \(HTTP 503\) for 0.5 s"),
        ("internal_error", r"InternalError \(HTTP 500\) for 0.5 s"),
        ("timed_out", "cannot be reached for 0.5 s"),
        ("reset", "cannot be reached for 0.5 s"),
        ("truncated", "cut or damaged 2 times"),
        ("wrong_length", "cut or damaged 2 times"),
        ("damaged", "cut or damaged 2 times"),
    ],
)
def test_a_permanent_fault_is_reported(kind: str, words: str, s3_server: str, s3_bucket: str) -> None:
    through(s3_server, s3_bucket, timeout_s=5.0).put("x", random.Random(0).randbytes(1000))
    with faulty(s3_server, share=1.0, kinds=(kind,), hang_s=0.4) as proxy:
        storage = through(proxy.url, s3_bucket, attempts=2, outage_s=0.5)
        for use in (lambda: storage.read("x"), lambda: storage.open_ranges("x")):
            with pytest.raises(StorageError, match=words) as caught:
                use()
            # a body that is damaged each time may be the object's fault, an endpoint that does not answer is not
            assert type(caught.value) is (ObjectForbiddenError if "damaged" in words else StorageError)
        with pytest.raises(StorageError) as caught:
            list(storage.list())
        assert type(caught.value) is StorageError


@pytest.mark.parametrize("kind", ["truncated", "wrong_length"])
def test_the_end_of_a_large_object_comes_whole(kind: str, s3_server: str, s3_bucket: str) -> None:
    through(s3_server, s3_bucket, timeout_s=5.0).put("x", random.Random(0).randbytes(200_000))
    with (
        faulty(s3_server, share=1.0, kinds=(kind,)) as proxy,
        pytest.raises(ObjectForbiddenError, match="cut or damaged 2 times"),
    ):
        through(proxy.url, s3_bucket, attempts=2, outage_s=0.5).open_ranges("x")


def test_what_cannot_pass_is_not_repeated(s3_server: str, s3_bucket: str) -> None:
    before = retries()
    with pytest.raises(StorageError, match="no such bucket"):
        through(s3_server, "no-such-bucket", timeout_s=5.0).check()
    with pytest.raises(ObjectMissingError):
        through(s3_server, s3_bucket, timeout_s=5.0).read("nix")
    with faulty(s3_server, share=0.0) as proxy:
        proxy.deny("/x", "ExpiredToken", 400)
        with pytest.raises(StorageError, match="credentials"):
            through(proxy.url, s3_bucket, timeout_s=5.0).read("x")
    assert retries() == before


def test_a_host_that_is_not_known_is_reported_soon(s3_server: str) -> None:
    storage = through("http://nowhere.invalid:1", "bucket", attempts=2)
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"nowhere\.invalid"):
        storage.check()
    assert time.monotonic() - began < 20.0  # and not outage_s


def test_a_restart_of_the_server_passes(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed and started again on the same port and data, as by an upgrade; meanwhile connections are refused."""
    monkeypatch.setattr("ser_core.data.storage.s3_retry._SHORT_S", 0.5)
    with real_server() as server:
        for name, value in environment(server.key, server.secret).items():
            monkeypatch.setenv(name, value)
        client_of(server.url, server.key, server.secret).create_bucket(Bucket="calls")
        storage = through(server.url, "calls", timeout_s=20.0)
        data = {f"{number:03}": random.Random(number).randbytes(50_000) for number in range(60)}
        for key in list(data)[:30]:
            storage.put(key, data[key])
        before, url = retries(), server.url
        server.kill()
        restart = threading.Timer(2.0, server.start)
        restart.start()
        with caplog.at_level(logging.WARNING), ThreadPoolExecutor(6) as pool:
            begun = [pool.submit(storage.read, key) for key in list(data)[:30]]
            begun += [pool.submit(storage.put, key, data[key]) for key in list(data)[30:]]
            assert [each.result() for each in begun[:30]] == list(data.values())[:30]
            assert [each.result() for each in begun[30:]] == [None] * 30
        restart.join()
        assert server.url == url
        assert {key: storage.read(key) for key in data} == data
    assert retries() - before >= 6
    assert "does not answer (EndpointConnectionError): waiting for it" in caplog.text
    assert "answers again after" in caplog.text


def test_after_an_outage_the_rest_does_not_wait_again(s3_server: str, s3_bucket: str) -> None:
    """What a job does at its end, such as releasing its lease, would else wait as long, one after the other."""
    with faulty(s3_server, share=1.0, kinds=("unavailable",)) as proxy:
        storage = through(proxy.url, s3_bucket, outage_s=1.0)
        with pytest.raises(StorageError):
            storage.check()
        began = time.monotonic()
        for _ in range(5):
            with pytest.raises(StorageError):
                storage.check()
        assert time.monotonic() - began < 1.0
        proxy.share = 0.0
        storage.check()
        proxy.share = 1.0
        began = time.monotonic()
        with pytest.raises(StorageError):
            storage.check()
        assert time.monotonic() - began >= 1.0


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ser_core.data.storage.s3.SMALL_BYTES", 2**20)
    monkeypatch.setattr("ser_core.data.storage.s3_upload._PART_BYTES", 5 * 2**20)  # S3's least, but for the last


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kinds", [("throttled", "reset"), ("answer_lost", "truncated")])
def test_an_upload_in_parts_survives_faults(kinds: tuple[str, ...], s3_server: str, s3_bucket: str) -> None:
    data = random.Random(1).randbytes(11 * 2**20)
    with faulty(s3_server, share=0.12, seed=5, hang_s=0.4, kinds=kinds) as proxy:
        storage = through(proxy.url, s3_bucket, timeout_s=20.0)
        for _ in range(3):
            with tempfile.TemporaryFile() as file:
                file.write(data)
                storage.put("big", file)
                assert not file.closed
            assert storage.read("big") == data
        assert [info.key for info in storage.list()] == ["big"]
        assert "-" in str(storage.info("big").etag)
    assert proxy.suffered


def test_ranges_survive_faults(s3_server: str, s3_bucket: str) -> None:
    data = random.Random(2).randbytes(9 * 2**20)
    through(s3_server, s3_bucket).put("big", data)
    kinds = [kind for kind in KINDS if kind not in ("damaged", "timed_out")]  # a range has no checksum
    with faulty(s3_server, share=0.06, seed=7, kinds=kinds) as proxy:
        storage = through(proxy.url, s3_bucket, timeout_s=5.0)
        for _ in range(3):
            with storage.open_ranges("big") as file:
                for start in range(0, len(data), 2**20):
                    file.seek(start)
                    assert file.read(1000) == data[start : start + 1000]
    assert {"truncated", "wrong_length"} <= set(proxy.suffered)


def test_an_object_that_is_replaced_while_it_is_read(s3_server: str, s3_bucket: str) -> None:
    storage = through(s3_server, s3_bucket, timeout_s=5.0)
    storage.put("small", b"old")
    storage.put("large", b"old" * 50_000)
    with storage.open_ranges("small") as small, storage.open_ranges("large") as large:
        for key in ("small", "large"):
            storage.put(key, b"new")
        assert small.read() == b"old"  # it came whole with the first request
        with pytest.raises(StorageError, match="replaced while it was being read"):
            large.read()


@pytest.mark.parametrize("whole", [True, False])
def test_an_etag_that_is_no_md5_is_accepted(
    s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    through(s3_server, s3_bucket, timeout_s=5.0).put("x", b"content")
    storage = through(s3_server, s3_bucket, attempts=3, timeout_s=5.0)
    client, asked = storage._client, []

    class Odd:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def get_object(self, **named: str) -> Any:
            asked.append(named)
            return {**client.get_object(**named), "ETag": '"0123456789abcdef0123456789abcdef"'}

    monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_: Odd())
    assert (storage.read("x") if whole else storage.open_ranges("x").read()) == b"content"
    assert len(asked) == 2


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("top", ["top", ""])
def test_uploads_that_were_killed_are_removed(
    s3_server: str, s3_bucket: str, s3_client: Any, monkeypatch: pytest.MonkeyPatch, top: str
) -> None:
    """Those of others in the same bucket are not, even where the root is the whole bucket."""
    theirs = s3_client.create_multipart_upload(Bucket=s3_bucket, Key="top/theirs")["UploadId"]
    storage = S3Storage(s3_bucket, top, storage_settings(s3_server).s3)

    class KilledError(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch, tempfile.TemporaryFile() as file:
        file.write(b"x" * 2**21)
        patch.setattr("ser_core.data.storage.s3_upload.md5_of", die)
        patch.setattr("ser_core.data.storage.s3_upload._abort", lambda *_: die())
        with pytest.raises(KilledError):
            storage.put("features/a", file)
    uploads = {upload["Key"] for upload in s3_client.list_multipart_uploads(Bucket=s3_bucket)["Uploads"]}
    assert uploads == {"top/theirs", "top/features/a" if top else "features/a"}
    before = requests()
    assert storage.sweep(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == 0
    assert sum(requests().values()) - sum(before.values()) == 1  # lists no table
    assert storage.sweep(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)) == 1
    left = s3_client.list_multipart_uploads(Bucket=s3_bucket).get("Uploads", [])
    assert [(upload["Key"], upload["UploadId"]) for upload in left] == [("top/theirs", theirs)]
    assert list(storage.list()) == []


def test_uploads_that_may_not_be_removed_stop_nothing(
    s3_server: str, s3_bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), faulty(s3_server, share=1.0, kinds=("internal_error",)) as proxy:
        assert through(proxy.url, s3_bucket, outage_s=0.0).sweep(dt.datetime.now(dt.UTC)) == 0
    assert "AbortMultipartUpload" in caplog.text
