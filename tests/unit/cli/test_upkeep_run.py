"""`ser forget`, `maintain`, `trace`, `quarantine` from the command line: what they print, refuse and leave behind."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from ser_core.cli.main import main
from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import held
from ser_core.data.tables.schemas import CHANNELS, DATES, QUARANTINE, RECORDINGS, RUNS
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.tombstones import kept_from
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import TABLES_LEASE
from tests.support.tables import MONDAY, TUESDAY, derived, everything, extraction, fill, recording, run_id

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


def test_forget_gives_counts_and_leaves_no_name(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "models/emotions/1").mkdir(parents=True)
    (tmp_path / "models/emotions/1/manifest.json").write_text('{"training": {"corpus": "own"}}')
    facts = answer(capsys, "forget", "--call-id", "c2", *words)
    assert (facts["recordings"], facts["rows_left"], facts["models"]) == (1, 0, ["emotions/1"])
    assert facts["dates"] == ["2026-03-02"]
    assert facts["rows_erased"] == sum(facts["rows"].values()) == 12
    row = last_run(store)
    assert (row["job"], row["status"], row["run_id"]) == ("forget", "done", facts["run_id"])
    assert "rows_erased 12" in row["detail"]
    assert b"c2.wav" not in everything(store.storage)
    assert SECRET.encode() not in everything(store.storage)


def test_forget_counts_anew_what_the_date_has(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer(capsys, "forget", "--call-id", "c2", *words)
    monday, tuesday = (Dates(store).row(date) for date in (MONDAY, TUESDAY))
    names = ("listed", "extracted", "refused", "scored", "segments")
    assert [monday[name] for name in names] == [1, 1, 0, 1, 2]
    assert [tuesday[name] for name in names] == [2, 1, 1, 1, 2]


def test_forget_speaks_to_a_person(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "--call-id", "c1", *words]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "rows of 1 recordings" in printed
    assert "read again, 0 are left" in printed
    assert "Call dates: 2026-03-02" in printed
    assert f"Every later run of ingest and nightly needs the secret ({SECRET_VARIABLE}" in printed
    assert main(["forget", "--call-id", "nobody", *words]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "No table has rows of these calls" in printed
    assert "needs the secret" in printed


def test_forget_names_a_call_by_its_date(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    derived(store, RECORDINGS, [recording("r3", "c1", TUESDAY), recording("r4", "c4", TUESDAY)], [TUESDAY])
    facts = answer(capsys, "forget", "--call-id", "c1", "--call-date", "2026-03-03", *words)
    assert facts["dates"] == ["2026-03-03"]
    assert (facts["rows"]["recordings"], facts["rows"]["features"]) == (1, 4)
    assert answer(capsys, "trace", "--call-id", "c1", *words)["call_dates"] == ["2026-03-02"]


def test_forget_by_a_customers_number(store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    of_customer = {"extra": [("customer", "4711")]}
    monday = [recording("r1", "c1", MONDAY, **of_customer), recording("r2", "c2", MONDAY)]
    derived(store, RECORDINGS, monday, [MONDAY])
    tuesday = [recording("r3", "c3", TUESDAY, **of_customer), recording("r4", "c4", TUESDAY)]
    derived(store, RECORDINGS, tuesday, [TUESDAY])
    facts = answer(capsys, "forget", "--where", "customer=4711", *words)
    assert facts["dates"] == ["2026-03-02", "2026-03-03"]
    assert facts["recordings"] == 2
    assert b"4711" not in everything(store.storage)


def test_forget_removes_whole_dates(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_VARIABLE)  # no name is kept, so that nothing is keyed
    facts = answer(capsys, "forget", "--before", "2026-03-03", *words)
    assert (facts["dates"], facts["recordings"], facts["files_left"]) == (["2026-03-02"], 2, 0)
    assert [row["call_date"] for key in store.files(DATES) for row in store.read(key).to_pylist()] == [TUESDAY]
    assert store.partitions(RECORDINGS) == [{"call_date": "2026-03-03"}]
    assert kept_from(store) == TUESDAY
    assert b"'r2'" not in everything(store.storage)  # its label too
    assert main(["forget", "--before", "2026-03-03", *words]) == 0
    assert "No table has a date before 2026-03-03" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "expected one of: --call-id"),
        (["--call-id", "c1", "--before", "2026-03-03"], "expected one of: --call-id"),
        (["--call-id", "c1", "--where", "a=b"], "expected one of: --call-id"),
        (["--before", "2026-03-03", "--call-date", "2026-03-02"], "leave out --call-date"),
        (["--before", "yesterday"], "YYYY-MM-DD"),
        (["--where", "4711"], "expected KEY=VALUE"),
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


@pytest.mark.parametrize(
    "command",
    [["forget", "--call-id", "c1"], ["forget", "--before", "2026-03-03"], ["maintain"], ["quarantine", "--retry"]],
)
def test_while_a_job_is_at_the_tables_nothing_is_done(
    store: TableStore, words: list[str], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {key: store.storage.read(key) for key in store.files(CHANNELS)}
    with held(store.storage, [TABLES_LEASE], "other-run", "extract", 60.0):
        assert main([*command, *words]) == 3
    assert "other-run" in capsys.readouterr().err
    assert {key: store.storage.read(key) for key in store.files(CHANNELS)} == before
    assert last_run(store)["status"] == "refused"


def test_maintain_joins_files(store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, "maintain", *words)
    tables = {row["table"]: (row["files_before"], row["files_after"]) for row in facts["tables"]}
    assert tables["channels"] == tables["features"] == (2, 1)  # of Monday; Tuesday has one
    assert tables["runs"] == (3, 1)
    assert (len(store.files(CHANNELS)), facts["call_dates"]) == (2, 2)
    assert last_run(store)["job"] == "maintain"
    assert main(["maintain", *words]) == 0
    assert "Nothing to join" in capsys.readouterr().out
    assert main(["maintain", "--keep-feature-sets", "nothing", *words]) == 2
    assert "paper-3@8k:abc" in capsys.readouterr().err


def test_maintain_leaves_dates_alone_that_have_work_left(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    dates = Dates(store)
    dates.update(MONDAY, open=True)
    dates.save()
    assert answer(capsys, "maintain", *words)["call_dates"] == 1
    assert len(store.files_of(CHANNELS, call_date=MONDAY)) == 2
    assert answer(capsys, "maintain", "--call-date", "2026-03-02", *words)["call_dates"] == 1
    assert len(store.files_of(CHANNELS, call_date=MONDAY)) == 1


def test_maintain_keeps_a_feature_set(store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    extraction(store, run_id(5), 0, [("r1", "v1", "c1", MONDAY)], "functionals-3@8k:def")
    answer(capsys, "maintain", "--keep-feature-sets", "functionals-3@8k:def", *words)
    rows = [row for key in store.files(CHANNELS) for row in store.read(key).to_pylist()]
    assert {row["feature_set"] for row in rows} == {"functionals-3@8k:def"}


def test_quarantine_lists_reasons_and_rules(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, "quarantine", *words)
    (refusal,) = facts["refusals"]
    assert (facts["recordings"], refusal["call_date"], refusal["reason"]) == (1, "2026-03-03", "not_audio")
    assert (refusal["count"], refusal["uri"], refusal["refused_by"]) == (1, "/archive/c4.wav", "rule")
    assert refusal["tried_again"] is True  # by another rule than today's
    for narrowed in (["--reason", "too_long"], ["--call-date", "2026-03-02"]):
        assert answer(capsys, "quarantine", *narrowed, *words) == {"recordings": 0, "refusals": []}
    assert main(["quarantine", *words]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 refused recordings" in printed
    assert "not_audio" in printed
    assert main(["quarantine", "--reason", "ugly", *words]) == 2
    assert "too_long" in capsys.readouterr().err


def test_cleared_refusals_open_their_dates(
    store: TableStore, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, "quarantine", "--retry", "--reason", "too_long", *words)["cleared"] == 0
    assert Dates(store).open_dates() == []
    facts = answer(capsys, "quarantine", "--retry", "--call-date", "2026-03-03", *words)
    assert (facts["cleared"], facts["call_dates"]) == (1, ["2026-03-03"])
    assert store.files(QUARANTINE) == []
    assert Dates(store).open_dates() == [TUESDAY]
    assert last_run(store)["job"] == "quarantine"
    assert answer(capsys, "quarantine", *words)["refusals"] == []


def test_trace_tells_a_call(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    events = answer(capsys, "trace", "--call-id", "c1", *words)["events"]
    assert [event["table"] for event in events][:2] == ["recordings", "runs"]
    assert main(["trace", "--call-id", "c1", *words]) == 0
    assert "any more" in capsys.readouterr().out  # the model, in this folder
    assert main(["trace", "--call-id", "nobody", *words]) == 1
    assert "'nobody'" in capsys.readouterr().err


def test_trace_of_one_date(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, "trace", "--call-id", "c1", "--call-date", "2026-03-02", *words)
    assert facts["call_dates"] == ["2026-03-02"]
    assert main(["trace", "--call-id", "c1", "--call-date", "2026-03-03", *words]) == 1
    assert "on 2026-03-03" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["query", "SELECT 1"],
        ["tables"],
        ["trace", "--call-id", "c1"],
        ["quarantine"],
        ["maintain"],
        ["forget", "--call-id", "c1"],
    ],
)
def test_a_folder_without_tables_is_named(
    words: list[str], tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert main([*command, *words, "--tables.uri", f"{tmp_path}/elsewhere"]) == 2
    printed = capsys.readouterr().err
    assert f"no tables below {tmp_path}/elsewhere" in printed
    assert "--config" in printed
    assert not list((tmp_path / "elsewhere").iterdir())


def test_nothing_is_logged_that_names_a_call(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["forget", "--call-id", "c1"], ["maintain"], ["trace", "--call-id", "c3"]):
        assert main([*command, *words, "--log.level", "info"]) == 0
    assert not re.search(r"\bc[13]\b", capsys.readouterr().err)
    assert logging.getLogger("ser_core").level == logging.INFO


def test_settings_do_not_show_the_secret(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert SECRET not in str(answer(capsys, "settings", *words))
