"""What the fault trials found, gathered in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

REPORT = Path("build/faults.json")


def record(values: Mapping[str, object]) -> None:
    """Merges `values` into build/faults.json; keys that stand there already are replaced."""
    before = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({**before, **values}, indent=1, sort_keys=True) + "\n")
