"""`python -m tests.faults.nights_driver SETTINGS NOW`: a night in a process of its own, at a moment of choice."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import yaml

from ser_core.config import Settings
from ser_core.errors import SerError
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.nightly import Nightly


def main() -> int:
    """The exit code of the night."""
    settings = Settings(**yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8")))
    try:
        execute(Nightly(settings, dt.datetime.fromisoformat(sys.argv[2])), settings)
    except SerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
