"""A refusal is of a recording's version and of what refused it. It ends when either changes."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest

from ser_core.data.tables.schemas import QUARANTINE
from ser_core.errors import TRANSIENT_REASONS, Reason
from ser_core.pipeline.state import refusal_rules as rules_module
from ser_core.pipeline.state.refusal_rules import refusal_rules
from tests.support.archives import SmallArchive
from tests.support.pipeline import job_settings, merged
from tests.support.synth import write_csv

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
HEADERLESS = {"codec": "ulaw", "sample_rate_hz": 8000, "channels": 1}
CHANGES: dict[Reason, dict[str, Any]] = {
    Reason.TOO_LONG: {"limits": {"max_duration_s": 99.0}},
    Reason.TOO_LARGE: {"limits": {"max_size_mb": 99.0}},
    Reason.TOO_MANY_CHANNELS: {"limits": {"max_channels": 3}},
    Reason.UNMATCHED_PATH: {"roles": {"names": {"customer": ["x"]}}},
    Reason.NOT_AUDIO: {"audio": {"headerless": HEADERLESS}},
    Reason.TRUNCATED: {"audio": {"headerless": HEADERLESS}},
    Reason.DECODER_TIMEOUT: {"isolation": {"base_s": 99.0}},
    Reason.OUT_OF_MEMORY: {"isolation": {"memory_mb": 2048}},
}


@pytest.fixture
def archive(tmp_path: Path) -> SmallArchive:
    archive = SmallArchive(tmp_path, {"quarantine": {"max_attempts": 2}})
    archive.put("a.wav", MONDAY)
    archive.ingest()
    return archive


def changed(archive: SmallArchive, changes: dict[str, Any]) -> None:
    archive.changes = merged(archive.changes, changes)


@pytest.mark.parametrize("reason", CHANGES)
def test_a_changed_rule_tries_again_and_no_other(archive: SmallArchive, reason: Reason) -> None:
    archive.refuse("a.wav", reason, attempt=2)
    assert archive.to_extract() == set()
    for other, changes in CHANGES.items():
        if changes != CHANGES[reason]:
            before = archive.changes
            changed(archive, changes)
            assert archive.to_extract() == set(), other
            archive.changes = before
    before = archive.changes
    changed(archive, CHANGES[reason])
    assert archive.to_extract() == {"a.wav"}
    archive.changes = before
    assert archive.to_extract() == set()  # back to the rule that refused it


def test_a_new_decoder_tries_again(archive: SmallArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.refuse("a.wav", "unsupported_codec")
    assert archive.to_extract() == set()
    monkeypatch.setattr(rules_module, "_DECODERS", 2)
    assert archive.to_extract() == {"a.wav"}


@pytest.mark.parametrize("reason", sorted(TRANSIENT_REASONS))
def test_faults_of_the_machine_are_tried_up_to_the_limit(archive: SmallArchive, reason: Reason) -> None:
    archive.refuse("a.wav", reason, attempt=1)
    assert archive.to_extract() == {"a.wav"}
    archive.refuse("a.wav", reason, attempt=2)
    assert archive.to_extract() == set()
    changed(archive, {"quarantine": {"max_attempts": 3}})
    assert archive.to_extract() == {"a.wav"}


def test_a_new_version_has_not_been_refused(archive: SmallArchive) -> None:
    archive.refuse("a.wav", "not_audio")
    archive.put("a.wav", MONDAY, b"longer")
    archive.ingest()
    assert archive.to_extract() == {"a.wav"}


def test_every_reason_has_a_rule(tmp_path: Path) -> None:
    rules = refusal_rules(job_settings(tmp_path))
    assert set(rules) == {reason.value for reason in Reason}
    assert rules["too_long"] == "limits.max_duration_s=21600"
    assert "libsndfile=" in rules["not_audio"]


def test_a_path_without_a_place_is_refused_once_by_each_pattern(
    archive: SmallArchive, caplog: pytest.LogCaptureFixture
) -> None:
    changed(archive, {"archive": {"pattern": "{call_id}-{agent_id}.wav"}})
    assert archive.ingest()["reasons"] == {"unmatched_path": 1}
    uri = f"{archive.root}/archive/a.wav"
    words = "refused 1 recordings, see quarantine: unmatched_path 1; archive.pattern is {call_id}-{agent_id}.wav"
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == [f"{words}; such as {uri}"]
    caplog.clear()
    assert "reasons" not in archive.ingest()
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]
    assert archive.to_extract() == set()
    changed(archive, {"archive": {"pattern": "{call_id}+{agent_id}.wav"}})
    assert archive.ingest()["refused_now"] == 1
    changed(archive, {"archive": {"pattern": "{call_id}.wav"}})
    assert archive.ingest()["refused_now"] == 0
    assert archive.to_extract() == {"a.wav"}
    rows = sorted(archive.rows(QUARANTINE), key=lambda row: row["seen_at"])
    assert [(row["attempt"], row["refused_by"].partition(",")[0]) for row in rows] == [
        (1, "archive.pattern={call_id}-{agent_id}.wav"),
        (1, "archive.pattern={call_id}+{agent_id}.wav"),
    ]


def test_hashed_names_keep_the_example_out_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SER_PRIVACY_SECRET", "a secret of many letters")
    archive = SmallArchive(tmp_path, {"privacy": {"hash_ids": True}, "archive": {"pattern": "{call_id}-{n}.wav"}})
    archive.put("smith.wav", MONDAY)
    assert archive.ingest()["refused_now"] == 1
    assert "refused 1 recordings" in caplog.text
    assert "smith" not in caplog.text


class TestManifest:
    """A manifest may name what is not there."""

    @pytest.fixture
    def archive(self, tmp_path: Path) -> SmallArchive:
        archive = SmallArchive(
            tmp_path, {"quarantine": {"max_attempts": 2}, "archive": {"uri": f"{tmp_path}/archive/calls.csv"}}
        )
        archive.put("here.wav", MONDAY)
        rows = [{"uri": f"{name}.wav", "call_id": "c1", "call_date": ""} for name in ("here", "lost")]
        write_csv(tmp_path / "archive" / "calls.csv", rows)
        return archive

    def test_what_is_missing_is_refused_up_to_the_limit_and_hides_nothing(self, archive: SmallArchive) -> None:
        assert [archive.ingest()["refused_now"] for _ in range(4)] == [1, 1, 0, 0]
        assert sorted(row["attempt"] for row in archive.rows(QUARANTINE)) == [1, 2]
        duplicates = {key: row["duplicate_of"] for key, row in archive.recordings().items()}
        assert duplicates["here.wav"] is None

    def test_its_time_is_that_of_the_manifest(self, archive: SmallArchive) -> None:
        archive.ingest()
        before = archive.recordings()
        archive.ingest()
        assert archive.recordings() == before
        written = (archive.root / "archive" / "calls.csv").stat().st_mtime
        assert before["lost.wav"]["modified_at"].timestamp() == pytest.approx(written, abs=1e-3)
