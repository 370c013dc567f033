"""Transcripts are found beside their recordings and read without a JVM."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.pipeline.stages.lexical import Lexical
from ser_core.pipeline.stages.transcripts_beside import with_transcripts
from tests.support.pipeline import job_settings

BAD = json.dumps([{"start": 0.5, "end": 1.0, "text": "terrible"}]).encode()
FILES = {
    "d1/a.wav": b"",
    "d1/a.json": BAD,
    "d1/a.vtt": b"WEBVTT",  # the first suffix that is there counts
    "d1/b.wav": b"",
    "d1/b.vtt": b"WEBVTT",
    "d1/b.json.part": b"",
    "d1/deeper/c.json": BAD,  # of another folder
    "d1/c.wav": b"",
    "d2/a.b.wav": b"",
    "d2/a.b.json": b"broken",
    "root.wav": b"",
    "root.json": BAD,
}
BESIDE = {"d1/a.wav": "d1/a.json", "d1/b.wav": "d1/b.vtt", "d2/a.b.wav": "d2/a.b.json", "root.wav": "root.json"}


class Count:
    """An accumulator's `add`."""

    value = 0

    def add(self, term: int) -> None:
        self.value += term


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    root, changes = str(tmp_path), {}
    if request.param == "s3":
        root = f"s3://{request.getfixturevalue('s3_bucket')}"
        changes = {"storage": {"s3": {"endpoint_url": request.getfixturevalue("s3_server"), "region": "us-east-1"}}}
    made = job_settings(root, changes)
    archive = open_storage(made.archive.uri or "", made.storage)
    for key, data in FILES.items():
        archive.put(key, data)
    return made


def beside(settings: Settings) -> list[dict[str, Any]]:
    uris = sorted(f"{settings.archive.uri}/{key}" for key in FILES if key.endswith(".wav"))
    rows = [{"recording_id": uri, "uri": uri} for uri in uris]
    table = with_transcripts(pa.Table.from_pylist(rows), settings)
    return [row for row in table.to_pylist() if row["transcript"] is not None]


def test_they_are_found_by_the_recordings_name(settings: Settings) -> None:
    root = settings.archive.uri
    found = {row["recording_id"]: row["transcript"] for row in beside(settings)}
    assert found == {f"{root}/{recording}": f"{root}/{name}" for recording, name in BESIDE.items()}


def test_another_content_is_another_version(settings: Settings) -> None:
    before = {row["recording_id"]: row["transcript_version"] for row in beside(settings)}
    open_storage(settings.archive.uri or "", settings.storage).put("d1/a.json", BAD + b" ")
    after = {row["recording_id"]: row["transcript_version"] for row in beside(settings)}
    assert {key.rpartition("/archive/")[2] for key in before if before[key] != after[key]} == {"d1/a.wav"}


def channels(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "channel": channel, "role": role} for row in rows for channel, role in ((0, "customer"),)]


def test_segments_get_the_valence_of_their_words(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    rows = channels(beside(settings))
    silent = {"recording_id": "x", "transcript": None, "channel": 0, "role": "customer"}
    places = [(row["recording_id"], start) for row in [*rows, silent] for start in (0.0, 2.0)]
    segments = pa.table(
        {
            "recording_id": [recording for recording, _ in places],
            "channel": pa.array([0] * len(places), pa.int16()),
            "start_s": [start for _, start in places],
            "end_s": np.array([start for _, start in places]) + 2.0,
        }
    )
    broken = Count()
    with caplog.at_level(logging.DEBUG, logger="ser_core"):
        valence = Lexical(settings, broken).valence(segments, [*rows, silent])  # type: ignore[arg-type]
    assert valence.type == pa.float32()
    heard = {place: value for place, value in zip(places, valence.to_pylist(), strict=True) if value is not None}
    root = settings.archive.uri
    assert set(heard) == {(f"{root}/d1/a.wav", 0.0), (f"{root}/root.wav", 0.0)}
    assert max(heard.values()) < -0.3
    assert broken.value == 1
    assert "a.b.json is left out: line 1" in caplog.text
    assert "terrible" not in caplog.text
