"""spark-submit jobs/ingest_archive.py [--config FILE] [--section.key VALUE] [--json]."""

from __future__ import annotations

from collections.abc import Sequence

from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import run_job


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job and returns the exit code."""
    return run_job(Ingest, argv)


if __name__ == "__main__":
    raise SystemExit(main())
