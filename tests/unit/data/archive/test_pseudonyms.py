"""Keyed hashes: the same for the same secret, others for another, and no secret where none may be seen."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from pathlib import Path

import pytest

from ser_core.config import load_settings
from ser_core.config.privacy_settings import SECRET_VARIABLE, PrivacySettings
from ser_core.data.archive.identity import Recording
from ser_core.data.archive.pseudonyms import Pseudonyms, read_pseudonyms
from ser_core.errors import SettingsError

SECRET = "a secret of many letters"
MOMENT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


def settings(**changes: object) -> PrivacySettings:
    return PrivacySettings(**{"hash_ids": False, "secret_file": None, **changes})


def recording(**changes: object) -> Recording:
    values = {
        "recording_id": "r", "uri": "a/b.wav", "version": "v", "size_bytes": 1, "modified_at": MOMENT, "call_id": "c1",
        "call_date": MOMENT.date(), "call_date_source": "path", "started_at": None, "agent_id": "anna",
        "queue": "sales", "extra": {"role": "agent", "caller": "+49 30 1234"},
    }  # fmt: skip
    return Recording(**{**values, **changes})  # type: ignore[arg-type]


def test_hashes_are_hmac_of_their_kind_and_name() -> None:
    expected = hmac.new(SECRET.encode(), b"call\0c1", hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(SECRET.encode()).call("c1") == expected
    assert Pseudonyms(b"another secret of many").call("c1") != expected


def test_kinds_do_not_meet() -> None:
    first = Pseudonyms(SECRET.encode())
    same = {
        first.call("x"),
        first.tombstone("call", "x"),
        first.tombstone("recording", "x"),
        first.of_call("x"),
        first.mark,
    }
    assert len(same) == 5
    assert first.of_call("x") == first.tombstone("call", first.call("x"))


def test_names_are_hidden_and_what_jobs_read_is_not() -> None:
    hidden = Pseudonyms(SECRET.encode()).hidden(recording())
    assert (hidden.queue, hidden.uri, hidden.recording_id, hidden.extra["role"]) == ("sales", "a/b.wav", "r", "agent")
    hashes = f"{hidden.call_id} {hidden.agent_id} {hidden.extra['caller']}"
    assert not any(name in hashes for name in ("c1", "anna", "1234"))
    assert Pseudonyms(SECRET.encode()).hidden(recording(agent_id=None)).agent_id is None


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    of_file = read_pseudonyms(settings(secret_file=str(file)), {})
    assert of_file == Pseudonyms(SECRET.encode())
    assert read_pseudonyms(settings(secret_file=str(file)), {SECRET_VARIABLE: "x" * 16}) == Pseudonyms(b"x" * 16)
    assert read_pseudonyms(settings(), {}) is None


@pytest.mark.parametrize(
    ("changes", "environ", "message"),
    [
        ({"hash_ids": True}, {}, "no secret to hash with"),
        ({}, {SECRET_VARIABLE: "short"}, "has 5 bytes"),
        ({"secret_file": "/no/such/file"}, {}, "cannot be read"),
        ({"secret_file": "/dev/null"}, {}, "is empty"),
    ],
)
def test_a_secret_that_will_not_do(changes: dict[str, object], environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refusal:
        read_pseudonyms(settings(**changes), environ)
    assert "'short'" not in str(refusal.value)


def test_the_secret_is_shown_nowhere() -> None:
    assert SECRET not in repr(Pseudonyms(SECRET.encode()))
    known = load_settings(environ={SECRET_VARIABLE: SECRET})
    assert SECRET not in known.model_dump_json()
    assert SECRET not in repr(known)
