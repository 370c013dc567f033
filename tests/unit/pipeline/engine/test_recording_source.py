"""Recordings are read in the version that was listed, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_core.data.storage import open_storage
from ser_core.errors import ObjectMissingError
from ser_core.pipeline.engine.recording_source import Sources
from tests.support.pipeline import job_settings


@pytest.fixture(params=["folder", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "archive")
    return f"s3://{request.getfixturevalue('s3_bucket')}/archive"


def test_a_replaced_recording_is_missing(archive: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    endpoint = {"endpoint_url": request.getfixturevalue("s3_server"), "region": "us-east-1"}
    settings = job_settings(tmp_path, {"archive": {"uri": archive}, "storage": {"s3": endpoint}})
    storage = open_storage(archive, settings.storage)
    storage.put("a.wav", b"first")
    listed, uri = storage.info("a.wav"), storage.uri_of("a.wav")
    sources = Sources(settings)
    with sources.open_version(uri, listed.version, listed.size_bytes, 100) as file:
        assert file.read() == b"first"
    with pytest.raises(ObjectMissingError, match="replaced"):
        sources.open_version(uri, listed.version, listed.size_bytes + 1, 100)
    storage.put("a.wav", b"second")
    with pytest.raises(ObjectMissingError, match="replaced since it was listed"):
        sources.open_version(uri, listed.version, listed.size_bytes, 100)
