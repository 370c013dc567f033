"""`build/faults.json`: what the trials by hand have found, each adding its own keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

REPORT = Path("build/faults.json")


def record(values: Mapping[str, object]) -> None:
    """Adds `values` to what is there."""
    found = json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({**found, **values}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
