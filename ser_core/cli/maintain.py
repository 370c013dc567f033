"""`ser maintain`: log tables in few files, without superseded rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from functools import partial
from typing import Any

import click
from rich.console import Console

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import names
from ser_core.config import Settings


@click.command(cls=SettingsCommand, sections=("maintain",))
@click.option(
    "--keep-feature-sets",
    type=names,
    metavar="ID[,ID]",
    help="drop the rows of all other feature sets (default: keep all)",
)
def maintain(settings: Settings, keep_feature_sets: list[str] | None) -> Result:
    """Joins small files of log tables, removes what killed runs left, and drops superseded rows.

    No job may run at the same time. It may be stopped at any moment, and run again.
    """
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415 - loaded only when there is something to do
    from ser_core.report.terminal import rows_table  # noqa: PLC0415

    facts = run_upkeep("maintain", settings, partial(_maintain, settings, keep_feature_sets))
    return facts, [rows_table(facts["tables"], width=Console().width, max_rows=50)]


def _maintain(settings: Settings, keep: list[str] | None, store: Any, run: Any) -> dict[str, Any]:
    from ser_core.data.upkeep.maintain import Maintain  # noqa: PLC0415

    tables = Maintain(store, settings.maintain, run.run_id, keep).run(dt.datetime.now(dt.UTC))
    return {
        "files_before": sum(table.files_before for table in tables),
        "files_after": sum(table.files_after for table in tables),
        "rows_dropped": sum(table.rows_dropped for table in tables),
        "tables": [asdict(table) for table in tables],
    }
