"""The layer rules of ARCHITECTURE.md, held against every import in the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Imports go only from a layer to itself or to one that stands after it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("jobs", "ser_core.cli"),
    ("ser_core.spark",),
    ("ser_core.upkeep", "ser_core.annotation"),
    ("ser_core.tables.store", "ser_core.tables.catalog"),
    ("ser_core.report",),
    ("ser_core.evaluation", "ser_core.planning"),
    ("ser_core.scoring",),
    ("ser_core.training",),
    ("ser_core.extraction",),
    ("ser_core.features",),
    (
        "ser_core.segments",
        "ser_core.speech",
        "ser_core.audio",
        "ser_core.augmentation",
        "ser_core.archive",
        "ser_core.corpora",
        "ser_core.transcripts",
    ),
    ("ser_core.storage",),
    (
        "ser_core.tables.schemas",
        "ser_core.emotions",
        "ser_core.config",
        "ser_core.environment",
        "ser_core.errors",
        "ser_core.log",
    ),
)
SIDEWAYS = {
    ("ser_core.tables.catalog", "ser_core.tables.store"),
    ("ser_core.augmentation", "ser_core.audio"),
    ("ser_core.corpora", "ser_core.audio"),
    ("ser_core.segments", "ser_core.audio"),
    ("ser_core.segments", "ser_core.speech"),
    ("ser_core.speech", "ser_core.audio"),
}
PYSPARK_MAY = ("jobs", "ser_core.spark")


def layer_of(module: str) -> tuple[int, str] | None:
    for level, names in enumerate(LAYERS):
        for name in names:
            if module == name or module.startswith(name + "."):
                return level, name
    return None


def forbidden(module: str, source: str) -> list[str]:
    """Sentences about the imports in `source`, the code of `module`, that break a rule."""
    faults = []
    here = layer_of(module)
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] in {"pyspark", "py4j"} and not module.startswith(PYSPARK_MAY):
                faults.append(f"{module} imports {name}: pyspark is imported only in jobs and ser_core.spark")
            there = layer_of(name)
            if here is None or there is None:
                continue
            jobs_from_cli = here[1] == "ser_core.cli" and there[1] == "jobs"
            sideways = here[0] == there[0] and here[1] != there[1] and here[0] != len(LAYERS) - 1
            if there[0] < here[0] or (sideways and not jobs_from_cli and (here[1], there[1]) not in SIDEWAYS):
                faults.append(f"{module} imports {name}: {there[1]} is not below {here[1]}")
    return faults


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in ("ser_core", "jobs"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def test_every_module_has_a_layer() -> None:
    without = [name for name, _ in modules() if layer_of(name) is None]
    assert set(without) <= {"ser_core", "ser_core.tables"}


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_downwards(name: str, path: Path) -> None:
    assert forbidden(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("ser_core.features.paper", "from ser_core.spark import session"),
        ("ser_core.audio.reader", "import ser_core.features"),
        ("ser_core.scoring", "from ser_core.tables import store"),
        ("ser_core.training.bundle", "def late():\n    import pyspark"),
        ("ser_core.cli.predict", "from pyspark.sql import SparkSession"),
        ("ser_core.archive.pattern", "from ser_core.corpora import ravdess"),
    ],
)
def test_a_forbidden_import_is_found(module: str, line: str) -> None:
    assert forbidden(module, line)


@pytest.mark.parametrize("statement", ["import ser_core", "import ser_core.config", "import ser_core.cli.main"])
def test_the_package_loads_neither_pyspark_nor_librosa(statement: str) -> None:
    code = f"{statement}; import sys; print(sorted({{'pyspark', 'librosa', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
