"""What all commands share: help, suggestions, settings in any place, completion, a light start."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ser_core.cli.common import SettingsCommand
from ser_core.cli.jobs import extract, ingest, nightly, score, train
from ser_core.cli.main import COMMANDS, GROUPS, main, ser
from ser_core.config import Settings, describe_settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.store import TableStore

ROOT = Path(__file__).parents[3]
JOBS = [ingest, extract, score, nightly, train]


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """A help page in one line."""
    assert main([*words, "--help"]) == 0
    return " ".join(capsys.readouterr().out.split())


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    return capsys.readouterr().err


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_help_has_every_command_below_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    page = helped(capsys)
    for title, group in GROUPS.items():
        assert f"{title}:" in page
        assert all(f" {name} {entry.help}" in page for name, entry in group.items())
    assert "_SER_COMPLETE=bash_source" in page
    assert main([]) == 0
    assert " ".join(capsys.readouterr().out.split()) == page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = helped(capsys, name)
    assert page.startswith(f"Usage: ser {name}")
    command = ser.get_command(click.Context(ser), name)
    assert isinstance(command, click.Group) or ("--config FILE" in page and "--json" in page)
    assert main(["help", name]) == 0


@pytest.mark.parametrize("name", ["nightly", "ingest", "extract", "train", "score"])
def test_help_of_a_job_has_defaults_and_units(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = helped(capsys, name)
    assert "--lease.expiry-s seconds until a killed run's lease is free" in page
    assert "[default: 120.0]" in page
    assert ("--limits.max-duration-s seconds of one recording [default: 21600]" in page) == (
        name in {"nightly", "extract", "train"}
    )
    assert "(required)" not in page


def test_every_setting_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    page = helped(capsys, "settings")
    described = [setting for setting in describe_settings() if setting.default]
    assert all(setting.option in page for setting in described)
    assert [setting.option for setting in described if not setting.meaning] == []
    by_path = {setting.path: setting for setting in described}
    priors = by_path["scoring", "priors"]
    assert (priors.option, priors.default) == ("--scoring.priors", "null")
    assert priors.meaning.startswith("weights by emotion")
    assert priors.meaning.endswith("keep their share in training")
    assert by_path["training", "speaker_normalisation", "train_on"].default == "calls"
    assert {path[0] for path in by_path} == set(Settings.model_fields)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_help_of_a_job_has_the_sections_that_its_stage_reads(job: SettingsCommand) -> None:
    stage = (ROOT / f"ser_core/pipeline/stages/{job.name}.py").read_text(encoding="utf-8")
    sections = set(re.findall(r"\bsettings\.([a-z_]+)", stage)) & set(Settings.model_fields)
    assert sections <= set(job.sections or ())


def test_jobs_name_existing_sections() -> None:
    named = [set(job.sections or ()) for job in JOBS]
    assert all(sections <= set(Settings.model_fields) for sections in named)
    assert named[0] | named[1] | named[2] < named[3]  # a night is the other three
    assert set(Settings.model_fields) - set().union(*named) == {"maintain", "plan"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["qurey", "SELECT 1"], "did you mean query?"),
        (["model", "promot", "emotions/1"], "did you mean promote?"),
        (["xyz"], "there is no command 'xyz'; expected nightly, ingest"),
        (["query", "SELECT 1", "--max-row", "5"], "--max-rows"),
        (["model", "compare", "a", "b", "--lables"], "--labels"),
        (["query", "SELECT 1", "--table.uri", "x"], "did you mean --tables.uri?"),
        (["ingest", "--archive.ur", "x"], "did you mean --archive.uri?"),
        (["nightly", "--confg", "x"], "did you mean --config?"),
    ],
)
def test_a_wrong_name_suggests_the_right_one(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in refused(capsys, *words)


def test_a_wrong_argument_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "compare", "emotions/1", "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("The settings have 1 fault:\n  - command line: ")
    assert printed.err.endswith("(see ser model compare --help)\n")
    assert json.loads(printed.out) == {"error": printed.err.removesuffix("\n")}


SQL = "-- a comment begins like an option\nSELECT 7 AS n"


@pytest.mark.parametrize(
    "words",
    [
        ["--tables.uri", "{root}", "query", SQL, "--json"],
        ["--json", "query", "--tables.uri={root}", SQL],
        ["query", SQL, "--max-rows", "1", "--tables.uri", "{root}", "--json"],
        ["query", "--json", "--call-date", "2026-03-02", "--tables.uri", "{root}", SQL],
        ["--config", "{file}", "query", SQL, "--json"],
        ["query", SQL, "--json", "--config", "demo", "--config={file}"],
        ["query", "--json", "--tables.uri", "{root}", "--", SQL],
    ],
)
def test_settings_come_before_and_after_arguments(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"tables: {{uri: {tmp_path}}}\n")
    check_layout(TableStore(FolderStorage(tmp_path)))
    assert main([word.replace("{root}", str(tmp_path)).replace("{file}", str(file)) for word in words]) == 0
    assert json.loads(capsys.readouterr().out) == {"columns": ["n"], "rows": [[7]]}


@pytest.mark.parametrize(
    "words",
    [
        ["--models.uri", "/nowhere", "model", "compare", "a/1", "b/2"],
        ["model", "--models.uri", "/nowhere", "compare", "a/1", "--labels", "b/2"],
        ["model", "--from", "2026-03-01", "--labels", "compare", "a/1", "b/2", "--models.uri", "/nowhere"],
        ["model", "compare", "--to=2026-03-01", "a/1", "--models.uri", "/nowhere", "b/2"],
    ],
)
def test_a_command_of_two_words_takes_options_in_any_place(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert "a/1" in capsys.readouterr().err


def test_settings_before_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--archive.timezone", "Berlin", "ingest", "--tables.buckets=0", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)
    assert (error["job"], error["status"]) == ("ingest", "failed")
    assert "archive.timezone" in error["error"]
    assert "tables.buckets" in error["error"]


def test_an_option_without_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'--max-rows' requires an argument" in refused(capsys, "query", "SELECT 1", "--max-rows")
    assert "--tables.uri" in refused(capsys, "query", "SELECT 1", "--tables.uri")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SER_COMPLETE", f"{shell}_source")
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 0
    assert "_SER_COMPLETE=" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ser q", {"query", "quarantine"}),
        ("ser model ", {"list", "promote", "compare", "copy"}),
        ("ser model compare --lab", {"--labels"}),
        ("ser ingest --archive.u", {"--archive.uri"}),
        ("ser --tables.uri x query --max", {"--max-rows"}),
    ],
)
def test_commands_and_settings_are_completed(
    line: str, expected: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    with pytest.raises(SystemExit):
        main([])
    assert {item.partition(",")[2] for item in capsys.readouterr().out.split()} == expected


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    from ser_core import __version__

    assert main([word]) == 0
    assert capsys.readouterr().out == f"ser {__version__}\n"


def test_an_interrupt_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ser_core.config.load_settings", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["settings"])


HEAVY = "{'pyspark', 'py4j', 'librosa', 'sklearn', 'numpy', 'pandas', 'pyarrow', 'duckdb'}"


@pytest.mark.parametrize(
    ("words", "also"),
    [
        (["--help"], "{'pydantic', 'yaml', 'rich'}"),
        (["ingest", "--help"], "set()"),
        (["query", "--help"], "set()"),
        (["predict", "--help"], "set()"),
        (["model", "--help"], "set()"),
        (["qurey"], "{'pydantic', 'yaml', 'rich'}"),
    ],
)
def test_a_start_is_light(words: list[str], also: str) -> None:
    code = f"import sys; from ser_core.cli.main import main; main({words!r}); sys.stdout.write(chr(10))"
    assert python(f"{code}; print(sorted(({HEAVY} | {also}) & set(sys.modules)))").splitlines()[-1] == "[]"
