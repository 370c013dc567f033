"""spark-submit jobs/nightly.py [--config FILE] [--section.key VALUE] [--json]."""

from __future__ import annotations

from collections.abc import Sequence

from ser_core.pipeline.stages.job import run_job
from ser_core.pipeline.stages.nightly import Nightly


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job and returns the exit code."""
    return run_job(Nightly, argv)


if __name__ == "__main__":
    raise SystemExit(main())
