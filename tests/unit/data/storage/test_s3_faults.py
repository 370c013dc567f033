"""S3 that fails: requests survive every kind of fault and are counted; permanent faults are reported."""

from __future__ import annotations

import datetime as dt
import io
import logging
import random
import tempfile
from typing import Any

import pytest

from ser_core.data.storage import S3Storage, retries
from ser_core.data.storage.base import Storage
from ser_core.errors import StorageError
from tests.support.faults import KINDS, faulty
from tests.support.s3 import storage_settings


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr("ser_core.data.storage.s3_client.secrets.randbelow", lambda _: 0)


def through(url: str, bucket: str, attempts: int = 10, timeout_s: float = 0.3) -> S3Storage:
    settings = storage_settings(url).s3
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
        ("throttled", "SlowDown"),
        ("internal_error", "InternalError"),
        ("timed_out", "reached"),
        ("reset", "reached"),
        ("truncated", "cut or damaged"),
        ("wrong_length", "cut or damaged"),
        ("damaged", "cut or damaged"),
    ],
)
def test_a_permanent_fault_is_reported(kind: str, words: str, s3_server: str, s3_bucket: str) -> None:
    through(s3_server, s3_bucket).put("x", random.Random(0).randbytes(1000))
    with faulty(s3_server, share=1.0, kinds=(kind,), hang_s=0.4) as proxy:
        storage = through(proxy.url, s3_bucket, attempts=2)
        with pytest.raises(StorageError, match=words) as caught:
            storage.read("x")
        assert type(caught.value) is StorageError
        with pytest.raises(StorageError):
            list(storage.list())


def test_an_upload_in_parts_survives_faults(s3_server: str, s3_bucket: str) -> None:
    data = bytes(range(256)) * 40_000  # above the 8 MB from which boto3 uploads in parts
    with faulty(s3_server, share=0.08, seed=5, hang_s=0.4, kinds=("throttled", "reset", "truncated")) as proxy:
        storage = through(proxy.url, s3_bucket)
        for _ in range(3):
            with tempfile.TemporaryFile() as file:
                file.write(data)
                storage.put("big", file)
                assert not file.closed
            assert storage.read("big") == data
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
    storage = through(s3_server, s3_bucket)
    storage.put("x", b"old")
    with storage.open_ranges("x") as file:
        storage.put("x", b"new")
        with pytest.raises(StorageError, match="replaced while it was being read"):
            file.read()


def test_an_etag_that_is_no_md5_is_accepted(s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    through(s3_server, s3_bucket).put("x", b"content")
    storage = through(s3_server, s3_bucket, attempts=3)
    client, asked = storage._client, []

    class Odd:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def get_object(self, **named: str) -> Any:
            asked.append(named)
            return {**client.get_object(**named), "ETag": '"0123456789abcdef0123456789abcdef"'}

    monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_: Odd())
    assert storage.read("x") == b"content"
    assert len(asked) == 2


def test_uploads_that_were_killed_are_removed(s3_server: str, s3_bucket: str, s3_client: Any) -> None:
    for key in ("top/a", "other/b"):
        upload = s3_client.create_multipart_upload(Bucket=s3_bucket, Key=key)["UploadId"]
        part = {"Bucket": s3_bucket, "Key": key, "UploadId": upload, "PartNumber": 1}
        s3_client.upload_part(**part, Body=io.BytesIO(b"x" * 100))
    storage = through(s3_server, s3_bucket)
    assert storage.sweep(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == 0
    assert storage.sweep(dt.datetime.now(dt.UTC)) == 1
    left = s3_client.list_multipart_uploads(Bucket=s3_bucket).get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["other/b"]
    assert list(storage.list()) == []


def test_uploads_that_may_not_be_removed_stop_nothing(
    s3_server: str, s3_bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), faulty(s3_server, share=1.0, kinds=("internal_error",)) as proxy:
        assert through(proxy.url, s3_bucket, attempts=1).sweep(dt.datetime.now(dt.UTC)) == 0
    assert "AbortMultipartUpload" in caplog.text
