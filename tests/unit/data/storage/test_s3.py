"""What only S3 has: answers that are errors, bodies that break off, buckets, folder marks."""

from __future__ import annotations

import datetime as dt
import io
import socket
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.response import StreamingBody
from moto.s3.models import s3_backends

from ser_core.data.storage import S3Storage, open_storage
from ser_core.data.storage.s3_errors import translated
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, SettingsError, StorageError
from tests.support.s3 import storage_settings

MOMENT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


@pytest.fixture
def storage(s3_server: str, s3_bucket: str) -> S3Storage:
    return S3Storage(s3_bucket, "/top/", storage_settings(s3_server).s3)


def answer(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


def test_etags_come_without_quotes(storage: S3Storage) -> None:
    storage.put("x", b"12")
    assert storage.info("x").etag == "c20ad4d76fe97759aa27a0c99bff6710"  # MD5 of the body, by S3's definition
    assert next(storage.list()).etag == storage.info("x").etag


def test_only_marks_of_folders_are_hidden(storage: S3Storage, s3_client: Any, s3_bucket: str) -> None:
    for key, body in (("top/", b""), ("top/a/", b""), ("top/a//b", b"x"), ("top/c/", b"x"), ("topmost", b"x")):
        s3_client.put_object(Bucket=s3_bucket, Key=key, Body=body)
    assert [info.key for info in storage.list()] == ["a//b", "c/"]
    assert storage.read("a//b") == b"x"


def test_more_than_a_page_is_listed(storage: S3Storage, s3_bucket: str) -> None:
    names = [f"{number % 3}/{number:04}.wav" for number in range(1005)]
    backend = s3_backends["123456789012"]["aws"]  # the server's own store: a thousand requests would take seconds
    for name in names:
        backend.put_object(s3_bucket, f"top/{name}", b"")
    assert [info.key for info in storage.list()] == sorted(names)
    assert storage.children() == ["0/", "1/", "2/"]


def test_a_missing_bucket_is_named(s3_server: str) -> None:
    storage = open_storage("s3://no-such-bucket/x", storage_settings(s3_server))
    for use in (storage.check, lambda: list(storage.list()), lambda: storage.read("y"), lambda: storage.put("y", b"")):
        with pytest.raises(StorageError, match="no such bucket") as caught:
            use()
        assert type(caught.value) is StorageError
        assert "s3://no-such-bucket/x" in str(caught.value)


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
