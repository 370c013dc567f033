"""The rules of ARCHITECTURE.md on rooms, imports, names and sizes, held against the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A room imports itself and the rooms after it.
ROOMS = (
    "jobs",
    "cli",
    "pipeline",
    "report",
    "scoring",
    "learning",
    "sound",
    "data",
    "config",
    "emotions",
    "errors",
    "log",
    "environment",
)
# Inside a room, a folder imports itself and the folders after it; folders of one tuple do not import each other.
FOLDERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pipeline": (("benchmarks",), ("stages",), ("state",), ("engine", "planning")),
    "learning": (("annotation", "evaluation"), ("training", "corpora")),
    "sound": (("extraction",), ("features",), ("segments",), ("speech", "augmentation"), ("audio", "transcripts")),
    "data": (("upkeep",), ("tables", "archive"), ("storage",)),
}
MOST_ROOMS, MOST_ARROWS = 12, 45
SAME_NAME_ALLOWED = {"__init__", "base", "registry"}


def place_of(module: str) -> tuple[str, str | None] | None:
    """The room of a module, and its folder where the room has folders; None outside of the house."""
    parts = module.split(".")
    if parts[0] == "jobs":
        return "jobs", None
    if parts[0] != "ser_core" or len(parts) < 2 or parts[1] not in ROOMS:
        return None
    return parts[1], parts[2] if parts[1] in FOLDERS and len(parts) > 2 else None


def imported(source: str) -> list[str]:
    """Every module or name that `source` imports, with dots."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def forbidden(module: str, source: str) -> list[str]:
    """Sentences about the imports in `source`, the code of `module`, that break a rule."""
    faults = []
    here = place_of(module)
    for name in imported(source):
        if name.split(".")[0] in {"pyspark", "py4j"} and (here is None or here[0] != "pipeline"):
            faults.append(f"{module} imports {name}: pyspark is imported only in ser_core.pipeline")
        there = place_of(name)
        if here is None or there is None:
            continue
        if ROOMS.index(there[0]) < ROOMS.index(here[0]) and (here[0], there[0]) != ("cli", "jobs"):
            faults.append(f"{module} imports {name}: the room {there[0]} is left of {here[0]}")
        if here[0] == there[0] and here[1] and there[1] and here[1] != there[1]:
            level = {folder: at for at, folders in enumerate(FOLDERS[here[0]]) for folder in folders}
            if there[1] in level and level[there[1]] <= level[here[1]]:
                faults.append(f"{module} imports {name}: the folder {there[1]} is not below {here[1]}")
    return faults


def modules() -> list[tuple[str, Path]]:
    named = []
    for package in ("ser_core", "jobs"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            named.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return named


def arrows() -> set[tuple[str, str]]:
    """Pairs of rooms of `ser_core`, the first of which imports the second."""
    pairs = set()
    for module, path in modules():
        here = place_of(module)
        for name in imported(path.read_text(encoding="utf-8")):
            there = place_of(name)
            if here and there and here[0] != there[0] and "jobs" not in {here[0], there[0]}:
                pairs.add((here[0], there[0]))
    return pairs


def test_the_house_has_these_rooms_and_no_other() -> None:
    entries = {path.stem for path in (ROOT / "ser_core").iterdir() if path.name != "__pycache__"}
    assert entries - {"__init__", "py"} == set(ROOMS) - {"jobs"}
    assert len(entries - {"__init__", "py"}) <= MOST_ROOMS


def test_every_folder_has_its_place() -> None:
    for room, levels in FOLDERS.items():
        entries = {path.stem for path in (ROOT / "ser_core" / room).iterdir() if path.name != "__pycache__"}
        assert entries - {"__init__"} == {folder for level in levels for folder in level}


def test_few_arrows_between_rooms() -> None:
    """That there is no circle follows from the order of the rooms."""
    assert len(arrows()) <= MOST_ARROWS


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_to_the_right(name: str, path: Path) -> None:
    assert forbidden(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("ser_core.sound.features.paper", "from ser_core.pipeline.engine import session"),
        ("ser_core.scoring.talk", "from ser_core.report import colours"),
        ("ser_core.data.tables.store", "import ser_core.sound.segments"),
        ("ser_core.config.load", "from ser_core.data.storage import open_storage"),
        ("ser_core.learning.training.bundle", "def late():\n    import pyspark"),
        ("ser_core.cli.predict", "from pyspark.sql import SparkSession"),
        ("ser_core.pipeline.stages.score", "from jobs import score_archive"),
        ("ser_core.sound.audio.reader", "import ser_core.sound.features"),
        ("ser_core.data.archive.path_pattern", "from ser_core.data.tables import store"),
        ("ser_core.data.storage.lease", "from ser_core.data.tables.store import TableStore"),
        ("ser_core.learning.training.bundle", "from ser_core.learning.evaluation import bootstrap"),
        ("ser_core.pipeline.engine.scan", "from ser_core.pipeline.state.runs import Run"),
        ("ser_core.pipeline.stages.score", "from ser_core.pipeline.benchmarks import fold_search"),
    ],
)
def test_a_forbidden_import_is_found(module: str, line: str) -> None:
    assert forbidden(module, line)


@pytest.mark.parametrize("statement", ["import ser_core", "import ser_core.config", "import ser_core.cli.main"])
def test_the_package_loads_neither_pyspark_nor_librosa(statement: str) -> None:
    code = f"{statement}; import sys; print(sorted({{'pyspark', 'librosa', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_name_for_one_thing() -> None:
    """No module and no class has the name of another. Modules of `jobs` and `cli` are called as what they start."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in modules():
        short = name.rpartition(".")[2]
        if short not in SAME_NAME_ALLOWED and not name.startswith(("jobs.", "ser_core.cli.")):
            places[f"module {short}"].append(name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[f"class {node.name}"].append(name)
    assert {what: where for what, where in places.items() if len(where) > 1} == {}


def test_sizes() -> None:
    """Modules of at most 250 lines, jobs of at most 80, functions of at most 50 without their docstring."""
    too_long = []
    for name, path in modules():
        text = path.read_text(encoding="utf-8")
        limit = 80 if name.startswith("jobs") else 250
        if text.count("\n") > limit:
            too_long.append(f"{name}: {text.count(chr(10))} lines, at most {limit}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = ast.get_docstring(node, clean=False)
                lines = (node.end_lineno or node.lineno) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
                if lines > 50:
                    too_long.append(f"{name}.{node.name}: {lines} lines, at most 50")
    assert too_long == []
