"""`ser forget`, `ser maintain`, `ser trace` from the command line: what they print, refuse and leave behind."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from ser_core.cli.main import main
from ser_core.cli.upkeep_run import KINDS
from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import held
from ser_core.data.tables.schemas import CHANNELS, RUNS
from ser_core.data.tables.store import TableStore
from tests.support.tables import everything, fill

SECRET = "a secret of many letters"


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    tables = TableStore(FolderStorage(tmp_path / "tables"))
    fill(tables)
    return tables


@pytest.fixture
def words(tmp_path: Path, store: TableStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    places = {"tables.uri": "tables", "models.uri": "models", "corpus.tables-uri": "corpus"}
    return [word for key, name in places.items() for word in (f"--{key}", str(tmp_path / name))]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def last_run(store: TableStore) -> dict[str, Any]:
    rows = [row for key in store.files(RUNS) for row in store.read(key).to_pylist()]
    return max(rows, key=lambda row: row["started_at"])


def test_forget_tells_counts_and_leaves_no_name(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "models/emotions/1").mkdir(parents=True)
    (tmp_path / "models/emotions/1/manifest.json").write_text('{"training": {"corpus": "own"}}')
    facts = answer(capsys, "forget", "--call-id", "c2", *words)
    assert (facts["recordings"], facts["rows_left"], facts["models"]) == (1, 0, ["emotions/1"])
    assert facts["rows_erased"] == sum(facts["rows"].values()) == 12
    row = last_run(store)
    assert (row["job"], row["status"], row["run_id"]) == ("forget", "done", facts["run_id"])
    assert "rows_erased 12" in row["detail"]
    assert b"c2.wav" not in everything(store.storage)
    assert SECRET.encode() not in everything(store.storage)


def test_forget_speaks_to_a_person(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "--before", "2026-03-03", *words]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "rows of 2 recordings" in printed
    assert "read again, 0 are left" in printed
    assert main(["forget", "--call-id", "nobody", *words]) == 0
    assert "No table has rows of these calls" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "expected --call-id"),
        (["--call-id", "c1", "--before", "2026-03-03"], "expected --call-id"),
        (["--before", "yesterday"], "YYYY-MM-DD"),
    ],
)
def test_forget_wants_calls_or_a_date(
    words: list[str], arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forget", *arguments, *words]) == 2
    assert why in capsys.readouterr().err


def test_forget_needs_a_secret_and_always_the_same(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(SECRET_VARIABLE)
    assert main(["forget", "--call-id", "c1", *words]) == 2
    assert SECRET_VARIABLE in capsys.readouterr().err
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    assert main(["forget", "--call-id", "c1", *words]) == 0
    monkeypatch.setenv(SECRET_VARIABLE, "another secret of many")
    assert main(["forget", "--call-id", "c3", *words]) == 2
    assert "the secret is another one" in capsys.readouterr().err


def test_the_corpus_tables_forget_too(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    corpus = TableStore(FolderStorage(tmp_path / "corpus"))
    fill(corpus)
    assert answer(capsys, "forget", "--call-id", "c2", *words)["recordings"] == 2
    assert b"c2.wav" not in everything(corpus.storage)


@pytest.mark.parametrize("command", [["forget", "--call-id", "c1"], ["maintain"]])
def test_while_a_job_is_at_the_tables_nothing_is_done(
    store: TableStore, words: list[str], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {key: store.storage.read(key) for key in store.files(CHANNELS)}
    with held(store.storage, KINDS[:1], "other-run", "extract", 60.0):
        assert main([*command, *words]) == 3
    assert "other-run" in capsys.readouterr().err
    assert {key: store.storage.read(key) for key in store.files(CHANNELS)} == before
    assert last_run(store)["status"] == "refused"


def test_maintain_joins_files(store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, "maintain", *words)
    assert {row["table"]: row["files_after"] for row in facts["tables"]}["channels"] == 1
    assert len(store.files(CHANNELS)) == 1
    assert last_run(store)["job"] == "maintain"
    assert main(["maintain", *words]) == 0
    assert "channels" in capsys.readouterr().out
    assert main(["maintain", "--keep-feature-sets", "nothing", *words]) == 2
    assert "paper-3@8k:abc" in capsys.readouterr().err


def test_trace_tells_a_call(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    events = answer(capsys, "trace", "--call-id", "c1", *words)["events"]
    assert [event["table"] for event in events][:2] == ["recordings", "runs"]
    assert main(["trace", "--call-id", "c1", *words]) == 0
    assert "any more" in capsys.readouterr().out  # the model, in this folder
    assert main(["trace", "--call-id", "nobody", *words]) == 1
    assert "'nobody'" in capsys.readouterr().err


def test_nothing_is_logged_that_names_a_call(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["forget", "--call-id", "c1"], ["maintain"], ["trace", "--call-id", "c3"]):
        assert main([*command, *words, "--log.level", "info"]) == 0
    assert not re.search(r"\bc[13]\b", capsys.readouterr().err)
    assert logging.getLogger("ser_core").level == logging.INFO


def test_settings_do_not_show_the_secret(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert SECRET not in str(answer(capsys, "settings", *words))
