"""What only S3 has: rights, checksums, answers that are errors, bodies that break off, buckets, folder marks."""

from __future__ import annotations

import datetime as dt
import io
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError, NoCredentialsError
from botocore.response import StreamingBody
from moto.s3.models import s3_backends

from ser_core.data.storage import S3Storage, bytes_read, open_storage, requests
from ser_core.data.storage.s3_errors import translated
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, SettingsError, StorageError
from tests.support.faults import faulty
from tests.support.s3 import environment, storage_settings
from tests.support.s3_server import READER, STRANGER

MOMENT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


@pytest.fixture
def storage(s3_server: str, s3_bucket: str) -> S3Storage:
    return S3Storage(s3_bucket, "/top/", storage_settings(s3_server).s3)


def answer(code: str, status: int, operation: str = "GetObject") -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


def test_etags_come_without_quotes(storage: S3Storage) -> None:
    storage.put("x", b"12")
    assert storage.info("x").etag == "c20ad4d76fe97759aa27a0c99bff6710"  # MD5 of the body, by S3's definition
    assert next(storage.list()).etag == storage.info("x").etag


def test_only_marks_of_folders_are_hidden(moto_url: str, moto_client: Any, moto_bucket: str) -> None:
    for key, body in (("top/", b""), ("top/a/", b""), ("top/a//b", b"x"), ("top/c/", b"x"), ("topmost", b"x")):
        moto_client.put_object(Bucket=moto_bucket, Key=key, Body=body)
    storage = S3Storage(moto_bucket, "/top/", storage_settings(moto_url).s3)
    assert [info.key for info in storage.list()] == ["a//b", "c/"]
    assert storage.read("a//b") == b"x"


def test_more_than_a_page_is_listed(moto_url: str, moto_bucket: str) -> None:
    names = [f"{number % 3}/{number:04}.wav" for number in range(1005)]
    backend = s3_backends["123456789012"]["aws"]  # the server's own store: a thousand requests would take seconds
    for name in names:
        backend.put_object(moto_bucket, f"top/{name}", b"")
    storage = S3Storage(moto_bucket, "/top/", storage_settings(moto_url).s3)
    before = requests()
    assert [info.key for info in storage.list()] == sorted(names)
    assert requests()["list"] == before["list"] + 2
    assert storage.children() == ["0/", "1/", "2/"]


def test_a_missing_bucket_is_named(s3_server: str) -> None:
    storage = open_storage("s3://no-such-bucket/x", storage_settings(s3_server))
    for use in (storage.check, lambda: list(storage.list()), lambda: storage.read("y"), lambda: storage.put("y", b"")):
        with pytest.raises(StorageError, match="no such bucket") as caught:
            use()
        assert type(caught.value) is StorageError
        assert "s3://no-such-bucket/x" in str(caught.value)


def as_somebody(monkeypatch: pytest.MonkeyPatch, key: str, secret: str, storage: S3Storage) -> S3Storage:
    """The same root for somebody else; another time-out makes a client of its own."""
    for name, value in environment(key, secret).items():
        monkeypatch.setenv(name, value)
    settings = storage._settings.model_copy(update={"read_timeout_s": 9.0 + len(key) + len(secret) / 100})
    return S3Storage(storage._bucket, storage._base, settings)


@pytest.mark.parametrize(
    ("key", "secret", "code"), [("nobody", "x", "InvalidAccessKeyId"), (READER[0], "wrong", "SignatureDoesNotMatch")]
)
def test_wrong_keys_are_refused(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, key: str, secret: str, code: str
) -> None:
    storage.put("x", b"1")
    other = as_somebody(monkeypatch, key, secret, storage)
    uses = (other.check, lambda: list(other.list()), lambda: other.read("x"), lambda: other.put("x", b"2"))
    for use in (*uses, lambda: other.put_if_absent("y", b"2"), lambda: other.delete("x")):
        with pytest.raises(StorageError, match=rf"the credentials were refused \({code}\).*clock") as caught:
            use()
        assert type(caught.value) is StorageError
    assert storage.read("x") == b"1"


def test_who_may_only_read_writes_nothing(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put("x", b"1")
    reader = as_somebody(monkeypatch, *READER, storage)
    reader.check()
    assert reader.read("x") == b"1"
    for use in (lambda: reader.put("x", b"2"), lambda: reader.put_if_absent("y", b"2"), lambda: reader.delete("x")):
        with pytest.raises(ObjectForbiddenError, match=r"may not be used \(AccessDenied\): check the policy"):
            use()
    assert [info.key for info in storage.list()] == ["x"]


def test_who_may_do_nothing_is_told_what_to_grant(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put("x", b"1")
    stranger = as_somebody(monkeypatch, *STRANGER, storage)
    for use in (stranger.check, lambda: list(stranger.list()), stranger.children):
        with pytest.raises(StorageError, match="grant s3:ListBucket") as caught:
            use()
        assert type(caught.value) is StorageError
    with pytest.raises(ObjectForbiddenError, match="check the policy"):
        stranger.read("x")


@pytest.mark.parametrize("how", ["bytes", "file", "absent", "parts"])
def test_what_arrives_damaged_is_refused(
    storage: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (tmp_path / "file").write_bytes(b"whole" * 1000)
    if how == "parts":
        monkeypatch.setattr("ser_core.data.storage.s3.SMALL_BYTES", 100)
    with faulty(storage._settings.endpoint_url or "", share=1.0, kinds=("damaged_upload",)) as proxy:
        bad = S3Storage(storage._bucket, "top", storage._settings.model_copy(update={"endpoint_url": proxy.url}))
        uses: dict[str, Callable[[], object]] = {
            "bytes": lambda: bad.put("x", b"whole"),
            "file": lambda: bad.put("x", tmp_path / "file"),
            "parts": lambda: bad.put("x", tmp_path / "file"),
            "absent": lambda: bad.put_if_absent("x", b"whole"),
        }
        with pytest.raises(StorageError, match="arrived damaged at S3 2 times"):
            uses[how]()
    assert [info.key for info in storage.list()] == []


@pytest.mark.parametrize(
    ("size_bytes", "asked", "gets"), [(10, 10, 1), (2**16, 2**16, 1), (2**20, 2**20, 2), (5 * 2**20, 3 * 2**16, 2)]
)
def test_a_small_object_takes_one_request(storage: S3Storage, size_bytes: int, asked: int, gets: int) -> None:
    data = bytes(range(256)) * (size_bytes // 256) or bytes(range(size_bytes))
    storage.put("x", data)
    before, read = requests(), bytes_read()
    with storage.open_ranges("x") as file:
        file.seek(-asked if asked < size_bytes else 0, 2 if asked < size_bytes else 0)
        assert file.read(asked) == data[-asked:]
    assert {kind: count - before[kind] for kind, count in requests().items() if count > before[kind]} == {"get": gets}
    assert bytes_read() - read <= min(size_bytes, asked + 2**20)


def test_an_object_of_another_key_concerns_itself_only(storage: S3Storage, s3_client: Any) -> None:
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"0" * 32}
    s3_client.put_object(Bucket=storage._bucket, Key="top/x", Body=b"secret", **key)
    storage.put("y", b"1")
    with pytest.raises(ObjectForbiddenError, match="cannot be decrypted"):
        storage.read("x")
    assert storage.read("y") == b"1"


def test_an_endpoint_that_is_not_there_is_reported_without_its_password(s3_server: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    storage = open_storage("s3://bucket", storage_settings(f"http://user:hush@127.0.0.1:{port}"))
    with pytest.raises(StorageError, match=f"endpoint_url.*127.0.0.1:{port}.*region") as caught:
        storage.check()
    assert "hush" not in str(caught.value)


def test_an_endpoint_that_is_no_url(s3_server: str) -> None:
    with pytest.raises(SettingsError, match="endpoint_url is no URL"):
        open_storage("s3://bucket", storage_settings("rubbish")).check()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answer("NoSuchKey", 404), ObjectMissingError, "not there"),
        (answer("AccessDenied", 403), ObjectForbiddenError, "policy"),
        (answer("403", 403), ObjectForbiddenError, "policy"),
        (answer("InvalidObjectState", 403), ObjectForbiddenError, "InvalidObjectState"),
        (answer("KMS.DisabledException", 400), ObjectForbiddenError, "decrypted.*KMS.DisabledException"),
        (answer("KMS.KMSInvalidStateException", 400), ObjectForbiddenError, "decrypted"),
        (answer("InvalidRequest", 400), ObjectForbiddenError, "decrypted"),
        (answer("InvalidRequest", 400, "PutObject"), StorageError, "InvalidRequest"),
        (FlexibleChecksumError(error_msg="sha"), ObjectForbiddenError, "cut or damaged 2 times"),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), ObjectForbiddenError, "cut or damaged 2 times"),
        (answer("InvalidAccessKeyId", 403), StorageError, "credentials"),
        (answer("ExpiredToken", 400), StorageError, "credentials"),
        (answer("PermanentRedirect", 301), StorageError, "region"),
        (answer("SlowDown", 503), StorageError, "SlowDown"),
        (NoCredentialsError(), StorageError, "credentials"),
    ],
)
def test_errors_say_what_to_check(error: Exception, kind: type[StorageError], words: str) -> None:
    with (
        pytest.raises(StorageError, match=f"s3://b/k.*{words}") as caught,
        translated("s3://b/k", storage_settings().s3, of_object=True),
    ):
        raise error
    assert type(caught.value) is kind


def test_a_listing_that_is_forbidden_concerns_the_whole() -> None:
    with pytest.raises(StorageError, match="ListBucket") as caught, translated("s3://b", storage_settings().s3):
        raise answer("AccessDenied", 403)
    assert type(caught.value) is StorageError


class _Client:
    """Announces ten bytes and gives the bodies it was made with, one a request."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)

    def get_object(self, **_: str) -> dict[str, Any]:
        body = StreamingBody(io.BytesIO(self.bodies.pop(0)), 10)
        return {"Body": body, "ContentLength": 10, "LastModified": MOMENT, "ETag": '"of-parts-2"'}


def test_a_body_that_breaks_off_is_fetched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Client(b"01234", b"0123456789")
    monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_: client)
    assert open_storage("s3://b", storage_settings()).read("x") == b"0123456789"
    assert client.bodies == []


def test_a_body_that_stays_short_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Client(b"01234", b"0123", b"0123456789")
    monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_: client)
    with pytest.raises(StorageError, match="IncompleteRead"):
        open_storage("s3://b", storage_settings()).open("x", 1 << 20)
    assert len(client.bodies) == 1  # settings allow two attempts


def test_an_endpoint_without_conditional_writes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Contended(answer("NotImplemented", 501, "PutObject"))
    monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_: client)
    with pytest.raises(StorageError, match="no conditional writes"):
        open_storage("s3://b", storage_settings()).put_if_absent("x", b"")


class _Contended:
    def __init__(self, *errors: ClientError | None) -> None:
        self.errors = list(errors)

    def put_object(self, **arguments: object) -> None:
        assert arguments["IfNoneMatch"] == "*"
        error = self.errors.pop(0)
        if error is not None:
            raise error


def test_a_conflict_of_writers_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    conflict = answer("ConditionalRequestConflict", 409)
    storage = open_storage("s3://b", storage_settings())
    for errors, outcome in (((conflict, None), True), ((conflict, answer("PreconditionFailed", 412)), False)):
        client = _Contended(*errors)
        monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_, client=client: client)
        assert storage.put_if_absent("x", b"") is outcome
    client = _Contended(conflict, conflict)
    monkeypatch.setattr("ser_core.data.storage.s3._client_of", lambda *_: client)
    with pytest.raises(StorageError, match="other writers"):
        storage.put_if_absent("x", b"")
