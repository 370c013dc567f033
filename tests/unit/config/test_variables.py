"""Which environment variables are settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_core.config import load_settings
from ser_core.config.load import log_settings
from ser_core.errors import SettingsError

KUBERNETES = {
    "SER_SERVICE_HOST": "10.0.0.7",
    "SER_SERVICE_PORT": "80",
    "SER_SERVICE_PORT_HTTP": "80",
    "SER_PORT": "tcp://10.0.0.7:80",
    "SER_PORT_80_TCP": "tcp://10.0.0.7:80",
    "SER_PORT_80_TCP_ADDR": "10.0.0.7",
    "SER_SPARK_PORT": "tcp://10.0.0.8:7077",
    "SER_LOG": "of somebody",
    "SER__X": "1",
    "SER_ELSEWHERE__URI": "x",
}


def test_variables_of_others_are_left_alone() -> None:
    assert load_settings(environ=KUBERNETES) == load_settings(environ={})


def test_settings_and_what_is_named_are_taken() -> None:
    environ = {
        "SER_CALL_DATE": "2026-03-02",
        "SER_STORAGE__S3__REGION": "eu-west-1",
        "ser_archive__uri": "/calls",
        "SER_CORPORA": "/corpora",
        "SER_PRIVACY_SECRET": "never shown",
    }
    settings = load_settings(environ=environ)
    assert str(settings.call_date) == "2026-03-02"
    assert (settings.storage.s3.region, settings.archive.uri) == ("eu-west-1", "/calls")
    assert "never shown" not in str(settings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SER_ARCHIV__URI", "SER_ARCHIVE__URI"),
        ("SER_TABLE__URI", "SER_TABLES__URI"),
        ("SER_ARCHIVE_URI", "SER_ARCHIVE__URI"),
        ("SER_STORAGE_S3_REGION", "SER_STORAGE__S3__REGION"),
        ("SER_LEASE_EXPIRY_S", "SER_LEASE__EXPIRY_S"),
    ],
)
def test_a_slip_is_a_fault_with_the_name_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={name: "1"})
    assert caught.value.faults == (f"environment: {name} names no setting; did you mean {meant}?",)


def test_a_key_that_does_not_exist_is_a_fault() -> None:
    with pytest.raises(SettingsError, match=r"environment: tables\.urix: there is no such setting"):
        load_settings(environ={"SER_TABLES__URIX": "1"})


def test_how_to_log_is_known_where_other_settings_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("log: {json: true}\ntables: {buckets: 0}\nfoo: 1\n")
    assert log_settings(["--config", str(tmp_path / "a.yaml"), "--bogus", "--log.level", "debug"], {}).json_ is True
    assert log_settings(["--log.level", "debug"], {"SER_LOG__JSON": "true"}) == log_settings(
        ["--log.level", "debug", "--log.json", "true"], {}
    )
    for wrong in (["--log.level", "loud"], ["--config", "nowhere.yaml"], ["--config"]):
        assert log_settings(wrong, {}).level == "info"
