"""Settings that only hold together: the lease and the longest request, the outage and the time-outs."""

from __future__ import annotations

import pytest

from ser_core.config import load_settings
from ser_core.errors import SettingsError


@pytest.mark.parametrize("place", ["tables.uri", "corpus.tables-uri"])
def test_a_lease_that_is_shorter_than_a_request_is_a_fault(place: str) -> None:
    few = ["--storage.s3.outage-s", "100", "--storage.s3.connect-timeout-s", "2", "--storage.s3.read-timeout-s", "8"]
    on_s3 = [f"--{place}", "s3://bucket/tables", *few]
    with pytest.raises(SettingsError, match=r"lease\.expiry_s is 109, .* may take 110 s .*expiry_s to 220 or more"):
        load_settings([*on_s3, "--lease.expiry-s", "109"], environ={})
    load_settings([*on_s3, "--lease.expiry-s", "110"], environ={})
    load_settings([*few, "--lease.expiry-s", "1"], environ={})  # a folder has no such requests


def test_the_defaults_leave_a_write_as_long_as_the_longest_request() -> None:
    settings = load_settings(["--tables.uri", "s3://bucket/tables"], environ={})
    assert settings.lease.expiry_s >= 2 * settings.storage.s3.longest_call_s
