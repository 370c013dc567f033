"""Errors of S3 as messages that say what to check. They never hold a secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from ser_core.config.settings import S3Settings
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, StorageError

_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
_REGION = frozenset({"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"})
_CHECK_CREDENTIALS = "check the credentials in the environment, the profile or the instance's role"
DAMAGED_UPLOAD = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})
"""Codes of S3 for a body that has arrived damaged at the endpoint."""
BROKEN_BODY = (IncompleteReadError, FlexibleChecksumError, ResponseStreamingError)
_AWAY = frozenset({429, 500, 502, 503, 504})
_AWAY_CODES = frozenset({"BandwidthLimitExceeded", "RequestLimitExceeded", "RequestTimeout", "Throttling"})
_KMS = "KMS."
_UNREADABLE = frozenset({"InvalidArgument", "InvalidRequest"})  # of a GET: encrypted by a key that the client must send


def code_of(error: ClientError) -> str:
    """The code of S3, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def status_of(error: ClientError) -> int:
    """The HTTP status of an error; 0 where it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_away(error: Exception) -> bool:
    """Whether the endpoint did not answer, or answered that it cannot at the moment."""
    if isinstance(error, ClientError):
        return status_of(error) in _AWAY or code_of(error) in _AWAY_CODES
    return isinstance(error, ConnectionError | HTTPClientError) and not isinstance(error, SSLError)


@contextmanager
def translated(uri: str, settings: S3Settings, *, of_object: bool = False) -> Iterator[None]:
    """Turn the errors of botocore into ours; `of_object` where they concern one object, `uri`.

    Raises:
        ObjectMissingError: 404 of an object.
        ObjectForbiddenError: an object that these valid credentials may not or cannot read: 403, archived, encrypted by
            a key that is disabled or is the customer's, or damaged each time it is read.
        StorageError: anything else.
    """
    try:
        yield
    except ClientError as error:
        raise _of_answer(error, uri, settings, of_object) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StorageError(f"{uri}: no complete credentials were found; {_CHECK_CREDENTIALS}") from error
    except (*BROKEN_BODY, ResponseParserError) as error:
        kind = ObjectForbiddenError if of_object and isinstance(error, BROKEN_BODY) else StorageError
        raise kind(
            f"{uri} arrived cut or damaged {settings.max_attempts} times ({type(error).__name__}: {str(error)[:200]}); "
            "check the network and any proxy on the way, or raise storage.s3.max_attempts"
        ) from error
    except BotoCoreError as error:
        raise StorageError(
            f"{uri} cannot be reached{_waited(error, settings)}: {type(error).__name__}; check storage.s3.endpoint_url "
            f"({endpoint_of(settings)}), storage.s3.region ({settings.region or 'from the environment'}), "
            "the bucket's name, the credentials and the network"
        ) from error


def _of_answer(error: ClientError, uri: str, settings: S3Settings, of_object: bool) -> StorageError:
    code, status = code_of(error), status_of(error)
    kind: type[StorageError] = StorageError
    if code in _CREDENTIALS:
        reason = f"the credentials were refused ({code}); {_CHECK_CREDENTIALS}, and the clock"
    elif code in _REGION:
        reason = f"the bucket is in another region ({code}); set storage.s3.region to the bucket's"
    elif code == "NoSuchBucket":
        reason = f"no such bucket at {endpoint_of(settings)}; check its name and storage.s3.endpoint_url"
    elif of_object and status == 404:
        kind, reason = ObjectMissingError, f"not there ({code}): was it moved or deleted?"
    elif of_object and (code.startswith(_KMS) or (error.operation_name == "GetObject" and code in _UNREADABLE)):
        kind, reason = ObjectForbiddenError, f"cannot be decrypted ({code}): check the key that it was encrypted by"
    elif of_object and status == 403:
        kind, reason = ObjectForbiddenError, f"may not be used ({code}): check the policy of the bucket and of its keys"
    elif code in DAMAGED_UPLOAD:
        reason = f"arrived damaged at S3 {settings.max_attempts} times ({code}): check the network and any proxy"
    elif of_object and status == 412:
        reason = f"replaced while it was being read ({code}): start again"
    elif status == 403:
        reason = f"may not be listed ({code}): grant s3:ListBucket to these credentials"
    else:
        reason = (
            f"{error.operation_name} failed with {code} (HTTP {status}){_waited(error, settings)}; if this does not "
            f"pass, check storage.s3.endpoint_url ({endpoint_of(settings)}) and what that endpoint supports"
        )
    return kind(f"{uri}: {reason}")


def _waited(error: Exception, settings: S3Settings) -> str:
    return f" for {settings.outage_s:g} s" if is_away(error) and settings.outage_s else ""


def endpoint_of(settings: S3Settings) -> str:
    """Scheme, host and port of the endpoint, without user and password."""
    if settings.endpoint_url is None:
        return "the provider's own"
    parts = urlsplit(settings.endpoint_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
