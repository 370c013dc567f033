"""The pages name only what exists: files, modules, commands, settings, tasks of the Makefile, links."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
CODE = sorted(path for folder in ("ser_core", "jobs", "deploy") for path in (ROOT / folder).rglob("*.py"))
MOST_LINES = {"README.md": 119, "ARCHITECTURE.md": 149}

_PATH = re.compile(r"(?<![\w./-])(?:ser_core|tests|docs|conf|deploy|jobs)/[\w./<>*-]*")
_MODULE = re.compile(r"(?<![\w./-])(?:ser_core|jobs|tests)(?:\.[A-Za-z_]\w*)+")
_COMMAND = re.compile(r"(?<![\w./-])ser ([a-z]+)(?: +([a-z]+)(?![\w./]))?")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ENDINGS = {"md", "py", "yaml", "sql", "txt"}


def code_of(text: str) -> list[str]:
    """Code spans, indented lines and fenced lines of a page."""
    fences = re.findall(r"^```.*?\n(.*?)^```", text, re.S | re.M)
    lines = re.findall(r"^ {4}(.*)$", text, re.M)
    return [*re.findall(r"`([^`\n]+)`", text), *lines, *(line for fence in fences for line in fence.split("\n"))]


def missing_paths(text: str) -> list[str]:
    """Paths that no file matches; `<name>` stands for any name."""
    named = {match.rstrip(".") for match in _PATH.findall(text)}
    return sorted(path for path in named if not any(ROOT.glob(re.sub("<[^>]*>", "*", path.rstrip("/")))))


def missing_modules(text: str) -> list[str]:
    """Dotted names that are neither a module nor a name in one."""
    return sorted(name for name in set(_MODULE.findall(text)) if not _resolves(name.split(".")))


def _resolves(parts: list[str]) -> bool:
    for end in range(len(parts), 0, -1):
        base, rest = ROOT.joinpath(*parts[:end]), parts[end:]
        if parts[-1] in _ENDINGS and end == len(parts) - 1:
            return True  # a file name, such as tests.md
        source = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        if base.is_dir() and not rest:
            return True
        if source.is_file():
            return not rest or re.search(rf"\b{rest[0]}\b", source.read_text(encoding="utf-8")) is not None
    return False


@cache
def help_of(*words: str) -> str:
    code = "import sys; from ser_core.cli.main import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *words, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


def missing_commands(text: str) -> list[str]:
    """Commands and actions of `ser` that the command line does not have."""
    faults = []
    commands = set(re.findall(r"^ {2,4}([a-z][a-z-]*) {2,}", help_of(), re.M))
    for command, action in sorted({match for code in code_of(text) for match in _COMMAND.findall(code)}):
        if command not in commands:
            faults.append(f"ser {command}")
        elif action and not re.search(rf"\b{action}\b", help_of(command)):
            faults.append(f"ser {command} {action}")
    return faults


def missing_settings(text: str) -> list[str]:
    """Code spans such as `section.key` that conf/base.yaml lacks."""
    base = yaml.safe_load((ROOT / "conf/base.yaml").read_text(encoding="utf-8"))
    faults = []
    for name in sorted({code for code in code_of(text) if re.fullmatch(r"[a-z]\w*(\.[a-z]\w*)+", code)}):
        at, parts = base, name.split(".")
        if parts[0] not in base or parts[-1] in _ENDINGS:
            continue
        for part in parts:
            at = at.get(part, _LACKING) if isinstance(at, dict) else _LACKING
        if at is _LACKING:
            faults.append(name)
    return faults


_LACKING = object()


def missing_tasks(text: str) -> list[str]:
    """Tasks of `make` that the Makefile lacks."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {task for code in code_of(text) for task in re.findall(r"\bmake ([a-z-]+)", code)}
    return sorted(task for task in named if not re.search(rf"^{task}:", makefile, re.M))


def broken_links(text: str, page: Path) -> list[str]:
    """Links to files, and to headings of files, that do not exist."""
    faults = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M) if target.is_file() else []
        if not target.exists() or (heading and heading not in {_slug(title) for title in headings}):
            faults.append(link)
    return faults


def _slug(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.strip().lower()).replace(" ", "-")


def faults_of(text: str, page: Path) -> list[str]:
    return [
        *missing_paths(text),
        *missing_modules(text),
        *missing_commands(text),
        *missing_settings(text),
        *missing_tasks(text),
        *broken_links(text, page),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_what_exists(page: Path) -> None:
    assert faults_of(page.read_text(encoding="utf-8"), page) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("See ser_core/spark/extract.py.", "ser_core/spark/extract.py"),
        ("`conf/search/<corpus>/fold-<n>.yaml`", "conf/search/<corpus>/fold-<n>.yaml"),
        ("See `ser_core.spark.extract`.", "ser_core.spark.extract"),
        ("See `ser_core.errors.NoSuchError`.", "ser_core.errors.NoSuchError"),
        ("`python -m tests.benchmarks.nothing`", "tests.benchmarks.nothing"),
        ("    ser sing --loud", "ser sing"),
        ("`ser model burn`", "ser model burn"),
        ("`storage.s3.no_key`", "storage.s3.no_key"),
        ("`make tea`", "tea"),
        ("[here](docs/nowhere.md)", "docs/nowhere.md"),
        ("[here](README.md#nowhere)", "README.md#nowhere"),
    ],
)
def test_a_name_of_nothing_is_found(text: str, fault: str) -> None:
    assert fault in faults_of(text, ROOT / "PAGE.md")


@pytest.mark.parametrize(("name", "most"), MOST_LINES.items())
def test_a_page_is_short(name: str, most: int) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").count("\n") <= most


def test_the_map_has_every_room_and_folder() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = [
        path for room in ("*", "*/*") for path in (ROOT / "ser_core").glob(room) if (path / "__init__.py").is_file()
    ]
    names = {f"{folder.relative_to(ROOT).as_posix()}/" for folder in folders} - {"ser_core/sound/features/functionals/"}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_code_names_modules_that_exist() -> None:
    faults = {path.relative_to(ROOT).as_posix(): missing_modules(path.read_text(encoding="utf-8")) for path in CODE}
    assert {path: names for path, names in faults.items() if names} == {}
