"""`ser maintain`: log tables in few files, without what is superseded."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from rich.console import Console

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings


def main(argv: Sequence[str]) -> int:
    """Joins small files of channels, features, quarantine and runs, and drops rows that no reader takes any more."""
    parser = command_parser(
        "maintain",
        "Joins small files of log tables, removes what killed runs left, and drops superseded rows. No job may run "
        "meanwhile; it may be stopped at any moment, and run again.",
    )
    parser.add_argument(
        "--keep-feature-sets", metavar="ID[,ID]", help="drop the rows of all other feature sets (default: keep all)"
    )
    return run_command(parser, argv, _maintain)


def _maintain(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415 - loaded only when there is something to do
    from ser_core.report.terminal import rows_table  # noqa: PLC0415

    keep = arguments.keep_feature_sets
    found = run_upkeep("maintain", settings, partial(_work, settings, None if keep is None else keep.split(",")))
    return found, [rows_table(found["tables"], width=Console().width, max_rows=50)]


def _work(settings: Settings, keep: list[str] | None, store: Any, run: Any) -> dict[str, Any]:
    from ser_core.data.upkeep.maintain import Maintain  # noqa: PLC0415

    done = Maintain(store, settings.maintain, run.run_id, keep).run(dt.datetime.now(dt.UTC))
    return {
        "files_before": sum(one.files_before for one in done),
        "files_after": sum(one.files_after for one in done),
        "rows_dropped": sum(one.rows_dropped for one in done),
        "tables": [asdict(one) for one in done],
    }
